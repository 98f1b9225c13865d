package schedule

import (
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
)

// How many records of earlier identities are kept and for how long, and for how
// long the record of a removed credential is.
const (
	formerRecords = 3
	formerKept    = 7 * 24 * time.Hour
	removedKept   = time.Hour
)

// Borrowed reports whether the token belongs to an earlier identity: it stays
// where it is delivered until the present identity has one of its own, and
// nothing of it is shown to the backend.
func (r *Record) Borrowed() bool { return r.TokenOf != "" }

// previous is the token that the present identity has: nothing but the count of
// generations where it has none yet.
func (r *Record) previous() credential.Credential {
	if r.Borrowed() {
		return credential.Credential{Generation: r.Token.Generation}
	}
	return r.Token
}

// Previous is what a provider may see of the last answer.
func (r *Record) Previous() credential.Credential {
	if r.Borrowed() {
		return credential.Credential{}
	}
	return r.Token
}

// withIdentity returns the record for another thing at the backend. The record
// so far is kept for a week, so that a typo that is undone costs no call; the
// values so far stay in sight until the first answer. The minimum interval and
// the count of revisions go on.
func withIdentity(r Record, identity string, now time.Time) Record {
	former := slices.DeleteFunc(slices.Clone(r.Former), func(f Record) bool { return now.Sub(f.LeftAt) > formerKept })
	was := r
	was.Former, was.LeftAt = nil, now
	if !was.Borrowed() && HasValue(was.Token) {
		former = slices.Insert(former, 0, was)
	}
	i := slices.IndexFunc(former, func(f Record) bool { return f.Identity == identity })
	if i >= 0 {
		back := former[i]
		return back.returns(r, slices.Delete(former, i, i+1))
	}
	next := Record{Identity: identity, Revision: r.Revision, Token: r.Token, TokenOf: r.TokenOf, ObtainedAt: r.ObtainedAt, Former: former[:min(formerRecords, len(former))]}
	next.Past.AttemptAt, next.Past.PausedUntil = r.Past.AttemptAt, r.Past.PausedUntil
	if HasValue(r.Token) && next.TokenOf == "" {
		next.TokenOf = r.Identity
	}
	next.Token.Seed = nil
	return next
}

// returns puts a former record back in the place of another. Where the values
// of that one were delivered meanwhile, it goes on counting from there, so that
// sinks see a change.
func (r Record) returns(other Record, former []Record) Record {
	if !other.Borrowed() && HasValue(other.Token) {
		r.Token.Generation = max(r.Token.Generation, other.Token.Generation) + 1
		r.Revision = max(r.Revision, other.Revision) + 1
	}
	r.Past.AttemptAt = later(r.Past.AttemptAt, other.Past.AttemptAt)
	r.Past.PausedUntil = other.Past.PausedUntil
	r.Former, r.LeftAt = former, time.Time{}
	return r
}

// keepAnswer puts the record of an attempt that ended under an earlier identity
// where that identity will find it when it returns: its seed may have been
// exchanged for another one.
func (r *Record) keepAnswer(answered Record) {
	former := slices.Clone(r.Former)
	for i := range former {
		if former[i].Identity == answered.Identity {
			answered.Former, answered.LeftAt = nil, former[i].LeftAt
			former[i] = answered
		}
	}
	r.Former = former
}

// keep holds the record of a credential that left the configuration: named again
// within the hour with the same identity, it is in force again without a call.
func (b *Board) keep(key Key, r Record, now time.Time) {
	r.LeftAt = now
	if b.learned.Records == nil {
		b.learned.Records = map[Key]Record{}
	}
	b.learned.Records[key] = r
	b.corrected[key] = true
	b.expireAt(now.Add(removedKept))
}

func (b *Board) expireAt(at time.Time) {
	if b.expiry.IsZero() || at.Before(b.expiry) {
		b.expiry = at
	}
}

// Expire returns the keys of removed credentials whose hour is over, and the
// instant at which to ask again, zero while nothing is kept.
func (b *Board) Expire(now time.Time) (over []Key, next time.Time) {
	if b.expiry.IsZero() || now.Before(b.expiry) {
		return nil, b.expiry
	}
	b.expiry = time.Time{}
	for key, r := range b.learned.Records {
		// A LeftAt ahead of now is of a clock that was set back since.
		if end := r.LeftAt.Add(removedKept); !r.LeftAt.After(now) && end.After(now) {
			b.expireAt(end)
			continue
		}
		over = append(over, key)
		delete(b.learned.Records, key)
		delete(b.corrected, key)
	}
	slices.SortFunc(over, Key.Compare)
	return over, b.expiry
}

// Forget drops what is kept of a removed credential, and reports whether
// anything was.
func (b *Board) Forget(name string) bool {
	key := Key{Obtaining, name}
	_, kept := b.learned.Records[key]
	delete(b.learned.Records, key)
	delete(b.corrected, key)
	return kept
}
