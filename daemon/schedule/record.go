package schedule

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// Record is all that must survive a restart about one task: what every task
// remembers, and what its kind does. Only Advance and the engine's bookkeeping of
// one running attempt make new ones; a record is a value, and its maps and slices
// are never changed in place.
type Record struct {
	// Past is what every kind of task remembers.
	Past Past
	// Part is a Token, a Delivery or a HookRun, by the kind of the task; nil while
	// there is nothing to say.
	Part Part
}

// Part is what the record of one kind of task holds besides its Past. It is held
// by value: records share it, and nobody can write to it.
type Part interface{ part() }

func (Token) part()    {}
func (Delivery) part() {}
func (HookRun) part()  {}

// Token returns the part of a credential, the zero one where there is none.
func (r Record) Token() Token {
	t, _ := r.Part.(Token)
	return t
}

// Delivery returns the part of a sink, the zero one where there is none.
func (r Record) Delivery() Delivery {
	d, _ := r.Part.(Delivery)
	return d
}

// Ran returns the change that a hook last acted on.
func (r Record) Ran() uint64 {
	h, _ := r.Part.(HookRun)
	return h.Ran
}

// Token is what is remembered of a credential that is obtained.
type Token struct {
	// Credential is the last answer. The store encodes its secrets; JSON leaves it
	// out.
	credential.Credential `json:"-"`
	// Revision counts changes of anything a sink can show, expiry included.
	Revision uint64 `json:"revision,omitempty"`
	// ObtainedAt is when the answer arrived that stated the present expiry.
	ObtainedAt time.Time `json:"obtained_at,omitzero"`
	// Unchanged counts the answers since then that brought nothing new.
	Unchanged int `json:"unchanged,omitempty"`
	// Identity names the thing at the backend; Inputs is a keyed digest of what
	// was used to ask for it (secrets, keys of the kind).
	Identity string `json:"identity,omitempty"`
	Inputs   string `json:"inputs,omitempty"`
	// TokenOf is the identity that the answer belongs to where that is an earlier
	// one than Identity, see Borrowed.
	TokenOf string `json:"token_of,omitempty"`
	// Former are the records of earlier identities, the last one first, LeftAt is
	// when such a record was left, or its credential was removed. The store encodes
	// Former, whose tokens hold secrets.
	Former []Record  `json:"-"`
	LeftAt time.Time `json:"left_at,omitzero"`
}

// Delivery is what is remembered of a sink that is delivered to.
type Delivery struct {
	// Delivered says what the sink holds.
	Delivered Marks `json:"delivered,omitempty"`
	// DeliveredAt is the last instant at which the sink was known to hold it.
	DeliveredAt time.Time `json:"delivered_at,omitzero"`
	// Target is a digest of the sink's own configuration at that time.
	Target string `json:"target,omitempty"`
	// Issued holds digests of the last values written under each name, newest
	// last, so that an older value of ours is told from a foreign one.
	Issued Issued `json:"issued,omitempty"`
	// Changes counts the times the sink's content changed, or may have. It is
	// raised before the write, so that a crash in between leaves the hook owed.
	Changes uint64 `json:"changes,omitempty"`
}

// HookRun is what is remembered of a hook that is run.
type HookRun struct {
	// Ran is the value of Delivery.Changes that the hook last acted on. A hook is
	// owed while both differ.
	Ran uint64 `json:"ran,omitempty"`
}

// Mark is one credential's place in its history.
type Mark struct {
	Generation uint64 `json:"generation"`
	Revision   uint64 `json:"revision"`
}

// Past is what every task remembers of its attempts.
type Past struct {
	// AttemptAt is the start of the last attempt that reached the outside; the
	// floor counts from here.
	AttemptAt time.Time `json:"attempt_at,omitzero"`
	// Open says that the attempt begun at AttemptAt has no known end: the
	// daemon was killed, or the answer was lost.
	Open bool `json:"open,omitempty"`
	// Unknown counts the attempts in a row that were begun and that the daemon
	// did not live to end.
	Unknown int `json:"unknown,omitempty"`
	// Failures counts the failed attempts since the last success.
	Failures int `json:"failures,omitempty"`
	// FailingSince is the first of them.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// RetryAt is the earliest next attempt after a failure.
	RetryAt time.Time `json:"retry_at,omitzero"`
	// Asked says that the backend itself named RetryAt.
	Asked bool `json:"asked,omitempty"`
	// PauseUntil is until when the backend asked all its callers to wait, at the
	// last failure; zero when it named no instant.
	PauseUntil time.Time `json:"pause_until,omitzero"`
	// PauseAlone says that PauseUntil and RetryAt bind this task and no other
	// caller of its backend.
	PauseAlone bool `json:"pause_alone,omitempty"`
	// PlannedAt is the next attempt as it was planned when the last one ended,
	// so that a later change of timing costs no renewal.
	PlannedAt time.Time `json:"planned_at,omitzero"`
	// Parked says that only a change of inputs or a person starts it again.
	Parked bool `json:"parked,omitempty"`
	// ClientRefused says that it is parked for a refusal of the client itself,
	// which others show too.
	ClientRefused bool `json:"client_refused,omitempty"`
	// PausedUntil is until when a person wants no attempt; Endless without an end.
	PausedUntil time.Time `json:"paused_until,omitzero"`
	// Last is the last failure, nil after a success.
	Last *Note `json:"last,omitempty"`
	// History holds the last ten attempts, oldest first.
	History []Attempt `json:"history,omitempty"`
}

// Note is a failure as people see it.
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
}

// Outcome is how an attempt ended.
type Outcome string

// The outcomes. Renewed and unchanged also stand for "written" and "unchanged"
// of a sink.
const (
	Renewed   Outcome = "renewed"
	Unchanged Outcome = "unchanged"
	Failed    Outcome = "failed"
)

// ProviderRecord is what must survive a restart about one backend.
type ProviderRecord struct {
	// CooldownUntil is the instant before which no credential of this provider
	// calls it.
	CooldownUntil time.Time `json:"cooldown_until,omitzero"`
	// CooledAt is when that was said, by the clock of then.
	CooledAt time.Time `json:"cooled_at,omitzero"`
	// Throttles counts the refusals since the last success.
	Throttles int `json:"throttles,omitempty"`
}

// LastError is what is told as the last error of a task: nothing after a success,
// unless the answer states an end that cannot be read.
func (r *Record) LastError() *Note {
	if t := r.Token(); r.Past.Last == nil && t.UnreadEnd != "" {
		return &Note{Reason: credential.ReasonBadResponse, Message: t.UnreadEnd, At: t.ObtainedAt}
	}
	return r.Past.Last
}
