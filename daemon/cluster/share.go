package cluster

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/internal/failpoint"
)

// share is one credential: what this machine holds of it, and what all share.
type share struct {
	name    string
	turn    sync.Mutex // one Begin at a time
	syncing sync.Mutex // one sync at a time

	mu   sync.Mutex
	held schedule.Record
	seen Shared
	rev  int64 // of the key when it was read
	at   int64 // of the engine then
	// agreed is the body of the shared record that was last adopted or written:
	// corrections of this machine's own record since then are not shared.
	agreed string
	// read means the key was read since this process reached the engine.
	read bool
	// intentSeen is when the intent was first seen.
	intentSeen time.Time
	uncalled   []string
	ended      []ended
	running    bool // an attempt of this machine is in progress
	newer      bool // a later version wrote the key
	unended    bool // treat the last call as lost
	ambiguous  bool
	takeOver   bool
	later      bool   // the board does not know the instant of its own value yet
	queued     bool   // for the next sync
	counted    string // the last attempt that was given a turn
}

// ended is an attempt whose end has not been shared yet.
type ended struct {
	attempt string
	lost    bool
}

const credentialPrefix = "c/"

func (s *share) key() string { return credentialPrefix + s.name }

func (s *share) heldRecord() schedule.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

func (s *share) setRunning(running bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = running
}

// granted notes whether the intent of an attempt is committed.
func (s *share) granted(done bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running, s.takeOver = done, s.takeOver && !done
	if done {
		s.unended, s.ambiguous = false, false // its own end will be known, or not
	}
	return done
}

// differ reports whether the machines mean different things by the name. If all that
// are there run one configuration, it was changed on all of them, and the record is
// only from before. The caller holds s.mu.
func (c *Cluster) differ(s *share, spec Spec) bool {
	if s.seen.Generation == 0 || spec.Identity == "" {
		return false
	}
	r, err := recordOf(s.seen.Value)
	held := r.Token()
	return err == nil && held.Identity != "" && held.Identity != spec.Identity && len(c.Differing()) > 0
}

// valueOf returns a record as it is shared, without its inputs, which are specific to
// a machine.
func valueOf(r schedule.Record) (Value, error) {
	v := Value{Version: versionOf(r)}
	held := r.Token()
	held.Inputs = ""
	r.Part = held
	body, err := store.Encode(r)
	v.Body = string(body)
	return v, err
}

func versionOf(r schedule.Record) (v Version) {
	held := r.Token()
	v.Generation = held.Generation
	if !held.IssuedAt.IsZero() {
		v.Issued = held.IssuedAt.UnixNano()
	}
	if !r.Past.AttemptAt.IsZero() {
		v.Touched = r.Past.AttemptAt.UnixNano()
	}
	return v
}

// recordOf is the inverse of valueOf.
func recordOf(v Value) (schedule.Record, error) {
	if v.Body == "" {
		return schedule.Record{}, nil
	}
	r, err := store.Decode([]byte(v.Body))
	held := r.Token()
	held.Generation = v.Generation
	r.Part = held
	return r, err
}

// value returns what is held, as the protocol compares it.
func (s *share) value() (Value, error) {
	v, err := valueOf(s.held)
	if v.Version == s.seen.Version && s.seen.Body == s.agreed {
		v.Body = s.agreed
	}
	return v, err
}

// refresh reads the key, unless the watch keeps it up to date.
func (c *Cluster) refresh(ctx context.Context, s *share) error {
	s.mu.Lock()
	read := s.read
	s.mu.Unlock()
	if read {
		return nil
	}
	return c.fetch(ctx, s)
}

// fetch reads the key.
func (c *Cluster) fetch(ctx context.Context, s *share) error {
	before := s.seenAt()
	e, err := c.opt.KV.Get(ctx, s.key())
	if err == nil {
		c.noteAnswer(s, e, before)
	}
	return err
}

func (s *share) seenAt() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

// noteAnswer is note for the answer to a request made after revision before was seen.
// An answer with a lower revision comes from a restored engine, and counts although
// its revision is older.
func (c *Cluster) noteAnswer(s *share, e Entry, before int64) {
	s.mu.Lock()
	if e.At < before {
		s.at = e.At
	}
	s.mu.Unlock()
	c.note(s, e)
}

// note records the content of a credential's key, and returns the intent in it. If
// the content is older than what was seen before, or cannot be decrypted, the next
// sync overwrites it.
func (c *Cluster) note(s *share, e Entry) Intent {
	var now Shared
	var err error
	if len(e.Value) > 0 {
		err = c.keys.open(e.Key, e.Value, &now)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e.At < s.at {
		return now.Intent // older than what was read meanwhile
	}
	s.at = e.At
	s.rev, s.read = e.Rev, true
	s.newer = errors.Is(err, errNewer)
	switch {
	case s.newer:
		c.warn("record of a newer version left alone", s.name, err.Error())
	case err != nil:
		c.warn("shared record refused", s.name, err.Error())
		if s.seen.Serial > 0 {
			s.seen.Serial++
			s.seen.restored = true
		}
	case now.Serial < s.seen.Serial:
		held, _ := valueOf(s.held)
		c.warn("shared record refused", s.name, "it is older than what is held: a backup was brought back, or the record was removed")
		s.seen = Restored(held, s.seen, now)
		s.seen.restored = true
	default:
		if now.Intent != s.seen.Intent {
			s.intentSeen = c.clock()
		}
		if now.Intent != s.seen.Intent || now.Issued != s.seen.Issued {
			s.unended, s.ambiguous = false, false // of the call before
		}
		s.seen = now
	}
	c.queue(s)
	return now.Intent
}

// proposal is a record to write over the one it was derived from. It includes that
// revision, because the watch may see a newer record meanwhile, which must not be
// replaced.
type proposal struct {
	Shared
	over int64
}

// put writes the key, if it still has the revision the proposal was derived from.
func (c *Cluster) put(ctx context.Context, s *share, next proposal) (bool, error) {
	sealed, err := c.keys.seal(s.key(), next.Generation, next.Shared)
	if err != nil {
		return false, err
	}
	before := s.seenAt()
	now, done, err := c.opt.KV.Swap(ctx, s.key(), next.over, sealed, 0)
	if err != nil {
		s.mu.Lock()
		s.read = false
		s.mu.Unlock()
		return false, err
	}
	c.noteAnswer(s, now, before)
	return done, nil
}

// sync reconciles what is held with what is shared: it shares the ends of attempts,
// offers what is newer here, and adopts what is newer there. It reports whether
// nothing is left to do.
func (c *Cluster) sync(ctx context.Context, s *share) bool {
	s.syncing.Lock()
	defer s.syncing.Unlock()
	spec, known := c.opt.Spec(s.name)
	if !known {
		return true
	}
	if c.hasLeft() {
		return c.adoptSeen(ctx, s, spec)
	}
	for range claimTries {
		if c.refresh(ctx, s) != nil {
			c.adoptSeen(ctx, s, spec)
			return false
		}
		s.mu.Lock()
		due, write, adopt, ends := c.due(s, spec)
		next, running := proposal{due, s.rev}, s.running
		s.mu.Unlock()
		if write && !c.silencedByKey() {
			done, err := c.put(ctx, s, next)
			if err != nil {
				return false
			}
			if done {
				s.mu.Lock()
				s.ended, s.agreed = s.ended[ends:], next.Body
				s.mu.Unlock()
			}
			continue
		}
		if !adopt {
			return true
		}
		return !running && c.adopt(ctx, s, spec)
	}
	return false
}

// adoptSeen adopts what was last seen, while nothing can be read or written. It reports
// whether nothing is left to do. It is called often for many credentials, so it looks
// first whether there is anything new.
func (c *Cluster) adoptSeen(ctx context.Context, s *share, spec Spec) bool {
	s.mu.Lock()
	adopt, running := s.later || s.unended || s.ambiguous || s.seen.newer(versionOf(s.held)), s.running
	if adopt {
		_, _, adopt, _ = c.due(s, spec)
	}
	s.mu.Unlock()
	return !adopt || !running && c.adopt(ctx, s, spec)
}

// due returns what to write or adopt. The caller holds s.mu.
func (c *Cluster) due(s *share, spec Spec) (next Shared, write, adopt bool, ends int) {
	if s.newer || c.differ(s, spec) {
		return s.seen, false, false, 0
	}
	held, err := valueOf(s.held)
	if err != nil {
		return s.seen, false, false, 0
	}
	if held == s.seen.Value {
		s.agreed = held.Body // nothing was exchanged since a restart
	}
	next = s.seen
	for _, e := range s.ended {
		var one bool
		next, one = Finish(held, next, e.attempt, e.lost)
		write = write || one
		ends++
	}
	if !s.running && Answered(held, next, c.opt.Node, s.held.Past.Open) {
		next, write = Finish(held, next, next.Intent.Attempt, false)
	}
	if s.seen.restored {
		next.restored, write = false, true
	}
	if s.running {
		return next, write, false, ends
	}
	if held.Version == next.Version && (next.Body == s.agreed || write) {
		held.Body = next.Body
	}
	var more bool
	next, more, adopt = Merge(held, next)
	if more {
		next.Serial = s.seen.Serial + 1
	}
	if refused := s.refusals(spec, next); refused != next.Refused {
		next.Refused, more, next.Serial = refused, true, s.seen.Serial+1
	}
	adopt = adopt || s.later || s.unended && !s.held.Past.Open || s.ambiguous && !parkedAmbiguous(s.held)
	return next, write || more, adopt, ends
}

func parkedAmbiguous(r schedule.Record) bool {
	return r.Past.Parked && r.Past.Last != nil && r.Past.Last.Reason == credential.ReasonAmbiguous
}

// adopt passes the shared record to the board of this machine.
func (c *Cluster) adopt(ctx context.Context, s *share, spec Spec) bool {
	s.mu.Lock()
	held, err := s.value()
	merged, _, _ := Merge(held, s.seen)
	r := s.held
	if merged.Version != held.Version || merged.Body != held.Body {
		r, err = recordOf(merged.Value)
	}
	i := s.seen.Intent
	switch {
	case s.ambiguous, !i.None() && merged.Issued == held.Issued && parkedAmbiguous(s.held):
		// Also if its holder, back again, shares that it does not know the end either.
		r.Past.Parked = true
		r.Past.Last = &schedule.Note{Reason: credential.ReasonAmbiguous, At: c.clock(), Message: "a call of " + orThis(i.Node) + " that spends what works once has no known end"}
	case s.unended:
		r.Past.Open = true
		if at := time.Unix(0, i.At); at.After(r.Past.AttemptAt) && !i.None() {
			r.Past.AttemptAt = at
		}
	}
	r.Part = inputsOf(r, spec, s.seen.Refused)
	s.mu.Unlock()
	if err != nil {
		c.warn("shared record refused", s.name, "its content is not readable")
		return true
	}
	failpoint.Hit("adoption begun")
	learned, err := c.opt.Learn(ctx, s.name, r)
	failpoint.Hit("adoption ended")
	if err != nil || !learned {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running && versionOf(s.held) == held.Version {
		s.held, s.agreed, s.unended, s.ambiguous, s.later = r, merged.Body, false, false, false
	}
	return true
}
