package schedule

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// Record is the state of one task that must survive a restart. A record is a
// value: its maps and slices are never changed in place.
type Record struct {
	// Past is common to all kinds of task.
	Past Past
	// Part is a Token, a Delivery or a HookRun, depending on the kind of the task, or
	// one that the board has packed; nil if there is nothing to record.
	Part Part
}

// Part is the part of a record that is specific to a kind of task. It is stored
// by value, so records can share it safely.
type Part interface{ part() }

func (Token) part()    {}
func (Delivery) part() {}
func (HookRun) part()  {}

// Unpacked returns the part as a Token, a Delivery or a HookRun.
func (r Record) Unpacked() Part {
	switch p := r.Part.(type) {
	case *packedToken:
		return p.token()
	case *packedDelivery:
		return p.delivery()
	}
	return r.Part
}

// Token returns the part of a credential, or the zero value.
func (r Record) Token() Token {
	if p, packed := r.Part.(*packedToken); packed {
		return p.token()
	}
	t, _ := r.Part.(Token)
	return t
}

// Outline is Token for who only decides: its Values tell whether there are any, but not
// what they are, which saves unpacking them. It must not become part of a record.
func (r Record) Outline() Token {
	if p, packed := r.Part.(*packedToken); packed {
		return p.outline()
	}
	return r.Token()
}

// Delivery returns the part of a sink, or the zero value.
func (r Record) Delivery() Delivery {
	if p, packed := r.Part.(*packedDelivery); packed {
		return p.delivery()
	}
	d, _ := r.Part.(Delivery)
	return d
}

// Ran returns the change that a hook last handled.
func (r Record) Ran() uint64 {
	h, _ := r.Part.(HookRun)
	return h.Ran
}

// Token is the recorded state of a credential.
type Token struct {
	// Credential is the last answer. JSON omits it, because the store encodes its
	// secrets separately.
	credential.Credential `json:"-"`
	// Revision counts changes of anything that a sink can show, including expiry.
	Revision uint64 `json:"revision,omitempty"`
	// ObtainedAt is when the answer with the current expiry arrived.
	ObtainedAt time.Time `json:"obtained_at,omitzero"`
	// Unchanged counts the later answers that brought nothing new.
	Unchanged int `json:"unchanged,omitempty"`
	// Identity identifies the credential at the backend; Inputs is a keyed digest
	// of the secrets and configuration keys used in the request.
	Identity string `json:"identity,omitempty"`
	Inputs   string `json:"inputs,omitempty"`
	// TokenOf is the identity that the answer belongs to if it is not Identity but
	// an earlier one: see Borrowed.
	TokenOf string `json:"token_of,omitempty"`
	// Former holds the records of earlier identities, newest first. LeftAt is when
	// such a record was replaced, or its credential was removed. JSON omits Former,
	// whose tokens hold secrets.
	Former []Record  `json:"-"`
	LeftAt time.Time `json:"left_at,omitzero"`
}

// Delivery is the recorded state of a sink.
type Delivery struct {
	// Delivered is what the sink holds.
	Delivered Marks `json:"delivered,omitempty"`
	// DeliveredAt is when the sink was last known to hold it.
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	// Target is a digest of the sink's configuration at that time.
	Target string `json:"target,omitempty"`
	// Issued holds digests of the last values written under each name, newest
	// last, to distinguish an older value of ours from one changed by someone else.
	Issued Issued `json:"issued,omitempty"`
	// Changes counts the changes of the sink's content, including attempted ones:
	// it is incremented before the write, so that the hook is owed after a crash.
	Changes uint64 `json:"changes,omitempty"`
}

// HookRun is the recorded state of a hook.
type HookRun struct {
	// Ran is the value of Delivery.Changes that the hook last handled. A hook is
	// owed while they differ.
	Ran uint64 `json:"ran,omitempty"`
}

// Mark identifies one version of a credential.
type Mark struct {
	Generation uint64 `json:"generation"`
	Revision   uint64 `json:"revision"`
}

// Past is what a task's record says about its attempts. Every task has one, so small
// fields stand together, which avoids padding.
type Past struct {
	// AttemptAt is the start of the last attempt that called the backend, sink or
	// hook; the minimum interval counts from here.
	AttemptAt time.Time `json:"attempt_at,omitzero"`
	// Open means that the outcome of the attempt at AttemptAt is unknown: the
	// daemon was killed, or the answer was lost.
	Open bool `json:"open,omitempty"`
	// Asked means that the backend asked for the wait until RetryAt.
	Asked bool `json:"asked,omitempty"`
	// PauseAlone means that PauseUntil and RetryAt apply only to this task, not to
	// the other callers of its backend.
	PauseAlone bool `json:"pause_alone,omitempty"`
	// Parked means that only changed inputs or a manual request start it again.
	Parked bool `json:"parked,omitempty"`
	// ClientRefused means that it is parked because the backend refused its client,
	// which other credentials may share.
	ClientRefused bool `json:"client_refused,omitempty"`
	// Unknown counts the consecutive attempts during which the daemon died.
	Unknown int32 `json:"unknown,omitempty"`
	// Failures counts the failed attempts since the last success.
	Failures int32 `json:"failures,omitempty"`
	// FailingSince is when the first of them ended.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// RetryAt is the earliest next attempt after a failure.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// PauseUntil is the end of the wait that the backend asked for in the last
	// failure, zero if it named no time.
	PauseUntil time.Time `json:"pause_until,omitzero"`
	// PlannedAt is the next attempt as planned when the last one ended, so that a
	// change of the timing settings does not trigger a renewal.
	PlannedAt time.Time `json:"planned_at,omitzero"`
	// PausedUntil is the end of a manual pause; Endless if it has no end.
	PausedUntil time.Time `json:"paused_until,omitzero"`
	// Last is the last failure, nil after a success.
	Last *Note `json:"last,omitempty"`
	// History holds the last ten attempts, oldest first.
	History History `json:"history,omitempty"`
}

// Note is a failure as it is shown to people.
type Note struct {
	Reason  credential.Reason `json:"reason"`
	Message string            `json:"message"`
	At      time.Time         `json:"at"`
}

// Attempt is one line of the history.
type Attempt struct {
	At      time.Time         `json:"at"`
	Took    time.Duration     `json:"took"`
	Outcome Outcome           `json:"outcome"`
	Reason  credential.Reason `json:"reason,omitempty"`
	Message string            `json:"message,omitempty"`
	// AfterUnknown means that the daemon died during the attempt before this one,
	// which the history does not hold.
	AfterUnknown bool `json:"after_unknown,omitempty"`
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes. For a sink, Renewed means written.
const (
	Renewed   Outcome = "renewed"
	Unchanged Outcome = "unchanged"
	Failed    Outcome = "failed"
)

// ProviderRecord is the state of one backend that must survive a restart.
type ProviderRecord struct {
	// CooldownUntil is the end of the cool-down: until then no credential of this
	// provider calls it.
	CooldownUntil time.Time `json:"cooldown_until,omitzero"`
	// CooledAt is when the cool-down began, by the clock of that time.
	CooledAt time.Time `json:"cooled_at,omitzero"`
	// Throttles counts the refusals since the last success.
	Throttles int `json:"throttles,omitempty"`
}

// LastError returns the last error to show: nil after a success, unless the
// answer states an expiry that cannot be parsed.
func (r *Record) LastError() *Note {
	if t := r.Outline(); r.Past.Last == nil && t.UnreadEnd != "" {
		return &Note{Reason: credential.ReasonBadResponse, Message: t.UnreadEnd, At: t.ObtainedAt}
	}
	return r.Past.Last
}
