package schedule

import (
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
)

// Limits on kept records: how many records of earlier identities and for how long,
// and how long the record of a removed credential.
const (
	formerRecords = 3
	formerKept    = 7 * 24 * time.Hour
	removedKept   = time.Hour
)

// Borrowed reports whether the token belongs to an earlier identity. Sinks keep it
// until the current identity has a token; the provider never sees it.
func (t Token) Borrowed() bool { return t.TokenOf != "" }

// mark returns the token's version.
func (t *Token) mark() Mark { return Mark{t.Generation, t.Revision} }

// previous returns the token of the current identity, or just the generation if
// it has no token yet.
func (t *Token) previous() credential.Credential {
	if t.Borrowed() {
		return credential.Credential{Generation: t.Generation}
	}
	return t.Credential
}

// Previous returns the last answer as far as a provider may see it.
func (r *Record) Previous() credential.Credential {
	t := r.Token()
	if t.Borrowed() {
		return credential.Credential{}
	}
	return t.Credential
}

// withIdentity returns the record after a change of identity. The old record is
// kept for a week, so that reverting a typo costs no call, and the old values
// remain visible until the first answer. The minimum interval and the revision
// continue.
func withIdentity(r Record, identity string, now time.Time) Record {
	held := r.Token()
	former := slices.DeleteFunc(slices.Clone(held.Former), func(f Record) bool { return now.Sub(f.Outline().LeftAt) > formerKept })
	if !held.Borrowed() && HasValue(held.Credential) {
		was := held
		was.Former, was.LeftAt = nil, now
		former = slices.Insert(former, 0, Record{r.Past, was})
	}
	i := slices.IndexFunc(former, func(f Record) bool { return f.Outline().Identity == identity })
	if i >= 0 {
		back := former[i]
		return back.restored(r, slices.Delete(former, i, i+1))
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

// restored returns a former record as the successor of another. If that one had
// its own values, generation and revision continue after them, so that sinks see a
// change.
func (r Record) restored(other Record, former []Record) Record {
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

// keepAnswer stores the record of an attempt that was made under an earlier
// identity with the former records: the attempt may have replaced its seed.
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

// keep keeps the record of a removed credential: if the credential is added again
// within an hour with the same identity, it needs no call.
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

// Expire drops the records of credentials that were removed more than an hour ago.
// It returns their keys, and when to call it again, zero if no record is kept.
func (b *Board) Expire(now time.Time) (over []Key, next time.Time) {
	if b.expiry.IsZero() || now.Before(b.expiry) {
		return nil, b.expiry
	}
	b.expiry = time.Time{}
	for key, r := range b.learned.Records {
		// A LeftAt in the future dates from before the clock was set back.
		left := r.Outline().LeftAt
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

// Forget drops the kept record of a removed credential, and reports whether there
// was one.
func (b *Board) Forget(name string) bool {
	key := Key{Obtaining, name}
	_, kept := b.learned.Records[key]
	delete(b.learned.Records, key)
	delete(b.corrected, key)
	return kept
}
