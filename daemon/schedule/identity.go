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
func (t Token) Borrowed() bool { return t.TokenOf != "" }

// mark is the token's place in its history.
func (t *Token) mark() Mark { return Mark{t.Generation, t.Revision} }

// previous is the token that the present identity has: nothing but the count of
// generations where it has none yet.
func (t *Token) previous() credential.Credential {
	if t.Borrowed() {
		return credential.Credential{Generation: t.Generation}
	}
	return t.Credential
}

// Previous is what a provider may see of the last answer.
func (r *Record) Previous() credential.Credential {
	t := r.Token()
	if t.Borrowed() {
		return credential.Credential{}
	}
	return t.Credential
}

// withIdentity returns the record for another thing at the backend. The record
// so far is kept for a week, so that a typo that is undone costs no call; the
// values so far stay in sight until the first answer. The minimum interval and
// the count of revisions go on.
func withIdentity(r Record, identity string, now time.Time) Record {
	held := r.Token()
	former := slices.DeleteFunc(slices.Clone(held.Former), func(f Record) bool { return now.Sub(f.Token().LeftAt) > formerKept })
	if !held.Borrowed() && HasValue(held.Credential) {
		was := held
		was.Former, was.LeftAt = nil, now
		former = slices.Insert(former, 0, Record{r.Past, was})
	}
	i := slices.IndexFunc(former, func(f Record) bool { return f.Token().Identity == identity })
	if i >= 0 {
		back := former[i]
		return back.returns(r, slices.Delete(former, i, i+1))
	}
	next := Token{
		Identity: identity, Revision: held.Revision, Credential: held.Credential, TokenOf: held.TokenOf, ObtainedAt: held.ObtainedAt,
		Former: former[:min(formerRecords, len(former))],
	}
	if HasValue(held.Credential) && next.TokenOf == "" {
		next.TokenOf = held.Identity
	}
	next.Seed = nil
	return Record{Past{AttemptAt: r.Past.AttemptAt, PausedUntil: r.Past.PausedUntil}, next}
}

// returns puts a former record back in the place of another. Where the values
// of that one were delivered meanwhile, it goes on counting from there, so that
// sinks see a change.
func (r Record) returns(other Record, former []Record) Record {
	held, was := r.Token(), other.Token()
	if !was.Borrowed() && HasValue(was.Credential) {
		held.Generation = max(held.Generation, was.Generation) + 1
		held.Revision = max(held.Revision, was.Revision) + 1
	}
	r.Past.AttemptAt = later(r.Past.AttemptAt, other.Past.AttemptAt)
	r.Past.PausedUntil = other.Past.PausedUntil
	held.Former, held.LeftAt = former, time.Time{}
	r.Part = held
	return r
}

// keepAnswer puts the record of an attempt that ended under an earlier identity
// where that identity will find it when it returns: its seed may have been
// exchanged for another one.
func (r *Record) keepAnswer(answered Record) {
	held, answer := r.Token(), answered.Token()
	held.Former = slices.Clone(held.Former)
	for i := range held.Former {
		if was := held.Former[i].Token(); was.Identity == answer.Identity {
			answer.Former, answer.LeftAt = nil, was.LeftAt
			held.Former[i] = Record{answered.Past, answer}
		}
	}
	r.Part = held
}

// keep holds the record of a credential that left the configuration: named again
// within the hour with the same identity, it is in force again without a call.
func (b *Board) keep(key Key, r Record, now time.Time) {
	held := r.Token()
	held.LeftAt = now
	r.Part = held
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
		left := r.Token().LeftAt
		if end := left.Add(removedKept); !left.After(now) && end.After(now) {
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
