package cluster

import (
	"cmp"
	"slices"
)

// The protocol, as pure functions: what may be written to the one key of a
// credential, given what this machine holds and what is there. The model of the
// tests drives the same functions.
//
// Safety lies in the compare-and-swap alone. Clocks, leases and what is known of
// other machines only decide who tries, and when.

// Ability says what a renewal does at the backend, and so who may make one whose
// predecessor has no known end.
type Ability uint8

const (
	// Plain calls revoke and spend nothing: anyone makes another one.
	Plain Ability = iota
	// Revokes ends the value before. The present one can be read back.
	Revokes
	// SpendsElse shows a seed that works once, and there is another way in.
	SpendsElse
	// Spends shows a seed that works once, and there is no other way in: nobody
	// repeats such a call.
	Spends
)

// Version orders what is held of a credential.
type Version struct {
	// Issued is when the value was obtained; the value issued last is the newest.
	Issued int64 `json:"issued"`
	// Generation is the number by which machines and sinks know the value.
	Generation uint64 `json:"generation"`
	// Touched is the beginning of the last attempt, whatever came of it.
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

// Value is what a machine holds, or all share.
type Value struct {
	Version
	Body string `json:"body"` // the record, encoded
}

// Intent is a call that may be made, or have been made.
type Intent struct {
	Attempt string  `json:"attempt"` // random
	Node    string  `json:"node"`
	At      int64   `json:"at"`
	Ability Ability `json:"ability"`
	// Lost says that the call was made and its answer did not arrive.
	Lost bool `json:"lost,omitempty"`
	// Shown is when the seed was shown first, where a call before this one had no
	// known end; 0 where it is this call.
	Shown int64 `json:"shown,omitempty"`
}

func (i Intent) firstShown() int64 { return cmp.Or(i.Shown, i.At) }

// None reports whether there is no intent.
func (i Intent) None() bool { return i.Attempt == "" }

// Shared is the record of one credential that all machines see.
type Shared struct {
	Value
	Intent Intent `json:"intent,omitzero"`
	// Refused are the digests of secrets that the backend has refused since the
	// value was obtained, with blanks between: a machine that has another one may
	// still try it. They are keyed with the cluster's key.
	Refused string `json:"refused,omitempty"`
	// Serial counts the writes: a copy that was brought back is behind what was
	// seen.
	Serial uint64 `json:"serial"`
	// restored says that it must be written over an older one.
	restored bool
}

// Meet compares what a machine holds with what all share. It returns what both
// should hold, whether that must be written, and whether the machine must take
// it over.
func Meet(held Value, shared Shared) (next Shared, write, adopt bool) {
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

// Facts are what a machine knows besides when it wants to call.
type Facts struct {
	Node    string
	Attempt string // of the call that it wants to make
	At      int64
	Ability Ability
	// Open says that the machine treats the last call as one whose answer was
	// lost: it reads back, or takes the other way in, instead of repeating it.
	Open bool
	// Silent says that the intent that is there is older than any call can take.
	Silent bool
	// Uncalled are attempts of this process of which it knows that their call
	// was not made.
	Uncalled []string
	// Graced says that the backend still takes a seed that was shown before.
	Graced bool
	// TakeOver says that a person wants the seed to be shown again.
	TakeOver bool
}

// Verdict is what becomes of a call that a machine wants to make.
type Verdict uint8

const (
	// Granted means: write the next record, and call once that is known to be
	// there.
	Granted Verdict = iota
	// Newer means: take over first what all share.
	Newer
	// Busy means: another machine is calling, or was not long ago.
	Busy
	// Unended means: the last call has no known end; the machine must treat it
	// as one whose answer was lost.
	Unended
	// Ambiguous means: the last call has no known end, and nobody but a person
	// may let the seed be shown again.
	Ambiguous
)

// Claim says whether a machine may call, and what it must have written before.
func Claim(held Value, shared Shared, f Facts) (next Shared, v Verdict) {
	merged, _, adopt := Meet(held, shared)
	if adopt {
		return shared, Newer
	}
	again := f.TakeOver || f.Graced
	intent := Intent{Attempt: f.Attempt, Node: f.Node, At: f.At, Ability: f.Ability}
	if i := shared.Intent; !i.None() && !slices.Contains(f.Uncalled, i.Attempt) {
		intent.Shown = i.firstShown()
		ability := max(i.Ability, f.Ability)
		mine := i.Node == f.Node // of an earlier life, or its answer was lost
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
		return shared, Ambiguous // Known here, whatever a backup says.
	}
	merged.Intent = intent
	merged.Serial++
	return merged, Granted
}

// Finish says what is to be written once a call has ended and its record is
// durable on the machine; lost says that no answer arrived. It works whatever
// became of the intent meanwhile, and changes nothing when it is applied again.
func Finish(held Value, shared Shared, attempt string, lost bool) (next Shared, write bool) {
	ours := shared.Intent.Attempt == attempt && attempt != ""
	next, write, _ = Meet(held, shared)
	if ours && held.Issued == shared.Issued && held.Generation == shared.Generation && held.Body != shared.Body {
		next.Value, write = held, true // Also a record that was only taken back.
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

// Restored returns what is to be written over a record that is older than one
// that was seen before: that one, with what the machine holds.
func Restored(held Value, seen, now Shared) Shared {
	next, _, _ := Meet(held, seen)
	next.Serial = max(seen.Serial, now.Serial) + 1
	return next
}
