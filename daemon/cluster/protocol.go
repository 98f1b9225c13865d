package cluster

import (
	"cmp"
	"slices"
)

// The protocol, as pure functions: what may be written to the single key of a
// credential, given what this machine holds and what is there. The model in the tests
// drives the same functions.
//
// Safety depends only on the compare-and-swap. Clocks, leases and what is known of
// other machines only decide who tries, and when.

// Ability is what a renewal does at the backend. It decides who may make one if the
// outcome of the last call is unknown.
type Ability uint8

const (
	// Plain calls revoke and spend nothing: any machine may repeat one.
	Plain Ability = iota
	// Revokes ends the old value. The current one can be read back.
	Revokes
	// SpendsElse sends a single-use seed, and there is another way in.
	SpendsElse
	// Spends sends a single-use seed, and there is no other way in: such a call is
	// never repeated.
	Spends
)

// Version orders what machines hold of a credential.
type Version struct {
	// Issued is when the value was obtained; the latest value is the newest.
	Issued int64 `json:"issued"`
	// Generation is the number of the value on machines and in sinks.
	Generation uint64 `json:"generation"`
	// Touched is the start of the last attempt, whatever its outcome.
	Touched int64 `json:"touched"`
}

func (v Version) newer(o Version) bool {
	switch {
	case v.Issued != o.Issued:
		return v.Issued > o.Issued
	case v.Generation != o.Generation:
		return v.Generation > o.Generation
	}
	return v.Touched > o.Touched
}

// Value is what a machine holds, or what all share.
type Value struct {
	Version
	Body string `json:"body"` // the record, encoded
}

// Intent is a call that may be made, or may have been made.
type Intent struct {
	Attempt string  `json:"attempt"` // random
	Node    string  `json:"node"`
	At      int64   `json:"at"`
	Ability Ability `json:"ability"`
	// Lost means the call was made and its answer did not arrive.
	Lost bool `json:"lost,omitempty"`
	// Shown is when the seed was first sent, if the outcome of an earlier call is
	// unknown; 0 means with this call.
	Shown int64 `json:"shown,omitempty"`
}

func (i Intent) firstShown() int64 { return cmp.Or(i.Shown, i.At) }

// None reports whether there is no intent.
func (i Intent) None() bool { return i.Attempt == "" }

// Shared is the record of one credential that all machines see.
type Shared struct {
	Value
	Intent Intent `json:"intent,omitzero"`
	// Refused are the digests of secrets that the backend has refused since the value
	// was obtained, separated by blanks: a machine with another secret may still try
	// it. They are keyed with the cluster's key.
	Refused string `json:"refused,omitempty"`
	// After is how late the calls that were taken over may have issued a value, by the
	// clocks of their machines: what is obtained after them counts as issued later.
	After int64 `json:"after,omitempty"`
	// Serial counts the writes: a restored copy has a lower one than what was seen.
	Serial uint64 `json:"serial"`
	// restored means that it must be written over an older one.
	restored bool
}

// Merge compares what a machine holds with what all share. It returns what both should
// hold, whether that must be written, and whether the machine must adopt it.
func Merge(held Value, shared Shared) (next Shared, write, adopt bool) {
	next = shared
	switch {
	case held.Version == shared.Version:
		return shared, false, held.Body != shared.Body && shared.Generation > 0
	case held.newer(shared.Version):
		next.Value = held
		if held.Issued != shared.Issued && held.Generation <= shared.Generation {
			next.Generation = shared.Generation + 1
		}
		return next, true, next.Version != held.Version
	}
	if shared.Issued != held.Issued && shared.Generation <= held.Generation {
		next.Generation = held.Generation + 1
	}
	return next, next.Version != shared.Version, true
}

// Facts are what else a machine knows when it wants to call.
type Facts struct {
	Node    string
	Attempt string // the call that it wants to make
	At      int64
	Ability Ability
	// Open means the machine treats the last call as one whose answer was lost: it
	// reads back, or uses the other way in, instead of repeating it.
	Open bool
	// Silent means the existing intent is older than any call can take.
	Silent bool
	// Uncalled are attempts of this process whose call was certainly not made.
	Uncalled []string
	// Graced means the backend still accepts a seed that was sent before.
	Graced bool
	// TakeOver means a person wants the seed to be sent again.
	TakeOver bool
}

// Decision is the protocol's answer to a call that a machine wants to make.
type Decision uint8

const (
	// Granted: write the next record, and call once the write is confirmed.
	Granted Decision = iota
	// Newer: adopt what all share first.
	Newer
	// Busy: another machine is calling, or was recently.
	Busy
	// Unended: the outcome of the last call is unknown; the machine must treat it as
	// one whose answer was lost.
	Unended
	// Ambiguous: the outcome of the last call is unknown, and only a person may allow
	// the seed to be sent again.
	Ambiguous
)

// Claim decides whether a machine may call, and returns what it must write first.
func Claim(held Value, shared Shared, f Facts) (next Shared, v Decision) {
	merged, _, adopt := Merge(held, shared)
	if adopt {
		return shared, Newer
	}
	again := f.TakeOver || f.Graced
	intent := Intent{Attempt: f.Attempt, Node: f.Node, At: f.At, Ability: f.Ability}
	if i := shared.Intent; !i.None() && !slices.Contains(f.Uncalled, i.Attempt) {
		intent.Shown = i.firstShown()
		ability := max(i.Ability, f.Ability)
		mine := i.Node == f.Node // from before a restart, or its answer was lost
		if !mine && !i.Lost {    // its answer may still be shared
			merged.After = max(shared.After, i.At+int64(callGrace), shared.Issued) + 1
		}
		switch {
		case !mine && !i.Lost && !f.Silent:
			return shared, Busy
		case ability == Spends && !again:
			return shared, Ambiguous
		case ability != Spends && !f.Open, f.Graced && !f.TakeOver && !f.Open:
			return shared, Unended
		}
	}
	if f.Open && f.Ability == Spends && !again {
		return shared, Ambiguous // known here, whatever a backup says
	}
	merged.Intent = intent
	merged.Serial++
	return merged, Granted
}

// Finish returns what to write once a call has ended and its record is durable on the
// machine; lost means that no answer arrived. It works whatever happened to the intent
// meanwhile, and is idempotent.
func Finish(held Value, shared Shared, attempt string, lost bool) (next Shared, write bool) {
	ours := shared.Intent.Attempt == attempt && attempt != ""
	next, write, _ = Merge(held, shared)
	if ours && held.Issued == shared.Issued && held.Generation == shared.Generation && held.Body != shared.Body {
		next.Value, write = held, true // also a record that was only rolled back
	}
	switch {
	case !ours:
	case lost && shared.Intent.Ability != Plain:
		next.Intent.Lost = true
		write = write || !shared.Intent.Lost
	default:
		next.Intent, write = Intent{}, true
	}
	if write {
		next.Serial = shared.Serial + 1
	}
	return next, write
}

// Answered reports whether the call of an intent is known to have ended, although its end
// was never shared: the machine that made it crashed once the answer was durable, and
// holds a newer value, obtained after the intent. Open means that the last call of that
// machine has no known end.
func Answered(held Value, shared Shared, node string, open bool) bool {
	i := shared.Intent
	return !i.None() && i.Node == node && !open && held.Issued > shared.Issued && held.Issued >= i.At
}

// Restored returns what to write over a record that is older than one seen before:
// the one seen before, merged with what the machine holds.
func Restored(held Value, seen, now Shared) Shared {
	next, _, _ := Merge(held, seen)
	next.Serial = max(seen.Serial, now.Serial) + 1
	return next
}
