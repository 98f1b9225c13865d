package cluster

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/failpoint"
)

// Begin implements engine.Ledger: a call is granted once its intent is committed
// where all machines see it.
func (c *Cluster) Begin(ctx context.Context, key schedule.Key, intent schedule.Record) (engine.Ticket, error) {
	if key.Kind != schedule.Obtaining {
		return c.opt.Local.Begin(ctx, key, intent)
	}
	c.joined(ctx)
	begun := c.clock()
	s := c.shareOf(key.Name)
	s.turn.Lock()
	defer s.turn.Unlock()
	attempt, err := c.claim(ctx, s, intent)
	if err != nil {
		return nil, err
	}
	failpoint.Hit("intent shared")
	s.setRunning(true)
	basis, seen := s.basis()
	local, err := c.opt.Local.Begin(ctx, key, intent)
	return &ticket{cluster: c, share: s, local: local, attempt: attempt, basis: basis, after: seen.After, replaced: seen.Intent.Shown != 0, begun: begun}, err
}

// basis returns the record that an attempt is based on, and what was seen then.
func (s *share) basis() (schedule.Record, Shared) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held, s.seen
}

// refusal postpones an attempt.
func (c *Cluster) refusal(wait time.Duration, format string, args ...any) error {
	return &engine.Refusal{Until: c.clock().Add(wait), Reason: fmt.Sprintf(format, args...)}
}

// final is a refusal that waiting alone does not resolve.
func (c *Cluster) final(wait time.Duration, format string, args ...any) error {
	return &engine.Refusal{Until: c.clock().Add(wait), Reason: fmt.Sprintf(format, args...), Final: true}
}

// claimTries is how often one Begin retries after another machine wrote first.
const claimTries = 4

// claim commits the intent of an attempt and returns the attempt's name, which is
// empty for a call made without the others.
func (c *Cluster) claim(ctx context.Context, s *share, intent schedule.Record) (string, error) {
	spec, known := c.opt.Spec(s.name)
	if !known {
		return "", c.refusal(time.Second, "it is not configured")
	}
	ability := spec.Ability(s.heldRecord())
	alone, err := c.mayCall(s.name, ability)
	if err != nil {
		return "", err
	}
	if alone {
		return "", c.claimAlone(s, spec, intent, ability)
	}
	for range claimTries {
		if err := c.refresh(ctx, s); err != nil {
			return "", c.away(err)
		}
		attempt := newAttempt()
		if err := c.expectTurn(spec, attempt); err != nil {
			return "", err
		}
		next, decision, why := c.decide(s, spec, intent, attempt)
		if decision != Granted {
			c.paces.forget(spec, attempt)
			return "", why
		}
		done, err := c.put(ctx, s, next)
		if errors.Is(err, ErrUnknown) {
			done, err = c.readBack(ctx, s, attempt)
		}
		if s.granted(done && err == nil) {
			return attempt, nil
		}
		c.paces.forget(spec, attempt)
		c.syncSoon(s)
		if err != nil {
			return "", c.away(err)
		}
	}
	return "", c.refusal(time.Second, "other machines are writing its record")
}

// claimAlone decides about a call that is made without the others. A call of another
// machine whose outcome was unknown when the engine was last reached still counts: its
// seed may be spent.
func (c *Cluster) claimAlone(s *share, spec Spec, intent schedule.Record, ability Ability) error {
	if ability == Plain {
		return nil
	}
	_, decision, why := c.decide(s, spec, intent, "")
	s.granted(decision == Granted)
	return why
}

func newAttempt() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// away refuses a call because the engine did not answer.
func (c *Cluster) away(err error) error {
	if errors.Is(err, ErrAway) || errors.Is(err, ErrUnknown) {
		return c.refusal(2*time.Second, "the cluster's engine does not answer")
	}
	return c.final(5*time.Second, "%s", err)
}

// decide asks the protocol whether the call may be made. Without an attempt, the call is
// made without the others.
func (c *Cluster) decide(s *share, spec Spec, intent schedule.Record, attempt string) (proposal, Decision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := versionOf(intent); v.Issued != versionOf(s.held).Issued || v.Generation != s.held.Token().Generation {
		// The attempt is based on an older record than the adopted one.
		return proposal{}, Newer, c.refusal(200*time.Millisecond, "what another machine has renewed is being taken over")
	}
	if s.newer {
		return proposal{}, Busy, c.final(time.Minute, "a newer version of vigente keeps its record")
	}
	if c.differ(s, spec) {
		return proposal{}, Busy, c.final(15*time.Second, "the machines differ in what %s is: compare their configurations", s.name)
	}
	silentFor := c.silence(s, spec)
	f := Facts{
		Node: c.opt.Node, Attempt: attempt, At: c.clock().UnixNano(), Ability: spec.Ability(s.held), Open: s.held.Past.Open,
		Silent: silentFor <= 0, Uncalled: s.uncalled, TakeOver: s.takeOver, Graced: c.graced(s, spec),
	}
	held, err := s.value()
	if err != nil {
		return proposal{}, Busy, err
	}
	seen := s.seen
	if attempt == "" && held.Issued > seen.Issued {
		seen.Intent = Intent{} // it was about an older value
	}
	claimed, decision := Claim(held, seen, f)
	next := proposal{claimed, s.rev}
	who := seen.Intent.Node
	switch decision {
	case Granted:
		s.running = true // from here on nothing is adopted
		return next, decision, nil
	case Newer:
		c.syncSoon(s)
		return next, decision, c.refusal(200*time.Millisecond, "another machine has renewed it")
	case Busy:
		return next, decision, c.refusal(min(max(silentFor, 200*time.Millisecond), time.Second), "%s is renewing it", who)
	case Unended:
		s.unended = true
		c.syncSoon(s)
		return next, decision, c.refusal(200*time.Millisecond, "the call of %s has no known end", who)
	case Ambiguous: // only a person may decide
	}
	s.ambiguous = !parkedAmbiguous(s.held)
	c.syncSoon(s)
	return next, decision, c.final(time.Minute, "the call of %s has no known end, and a second one could spend what works once: vigente renew %s --take-over", orThis(who), s.name)
}

func orThis(node string) string {
	if node == "" {
		return "this machine"
	}
	return node
}

// silence returns how much longer an intent counts as in progress. Its age is how long
// ago it was seen here; the clock of its holder counts as well, but only once the
// holder's lease is gone. Machines with a higher rank wait a little longer.
func (c *Cluster) silence(s *share, spec Spec) time.Duration {
	i := s.seen.Intent
	if i.None() {
		return 0
	}
	limit := spec.Timeout + callGrace
	age := c.clock().Sub(s.intentSeen)
	if !c.alive(i.Node) {
		age = max(age, c.clock().Sub(time.Unix(0, i.At)))
	}
	return limit + time.Duration(c.rank(s.name, i.Node))*rankDelay - age
}

// callGrace is how long after its intent a call may start at the latest.
const callGrace = 5 * time.Second

// rankDelay is what each further machine waits before it takes over an intent.
const rankDelay = 3 * time.Second

// readBack finds out whether a write whose answer was lost took place.
func (c *Cluster) readBack(ctx context.Context, s *share, attempt string) (bool, error) {
	err := c.fetch(ctx, s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.seen.Intent.Attempt == attempt {
		return true, nil
	}
	// This process will not make the call, whenever the intent arrives.
	s.uncalled = append(s.uncalled, attempt)
	if n := len(s.uncalled); n > 64 {
		s.uncalled = slices.Delete(s.uncalled, 0, n-64)
	}
	return false, err
}

// ticket is an attempt of this machine.
type ticket struct {
	cluster *Cluster
	share   *share
	local   engine.Ticket
	attempt string
	basis   schedule.Record // what the attempt is based on
	after   int64           // see Shared.After
	// replaced means that the intent replaced one whose outcome is unknown.
	replaced bool
	begun    time.Time
	late     atomic.Bool // its turn comes after the intent is too old
}

// Lapsed reports whether it is too late to start the call: others may treat the
// intent as abandoned before the call could end. Go's monotonic clock stops while a
// machine is suspended, and the wall clock may be set back, so the longer of the two
// is used.
func (t *ticket) Lapsed() bool {
	now := t.cluster.clock()
	return t.late.Load() || t.attempt != "" && max(now.Sub(t.begun), now.Round(0).Sub(t.begun.Round(0))) > callGrace
}

// Commit implements engine.Ticket: first durable on this machine, then shared.
func (t *ticket) Commit(ctx context.Context, r schedule.Record) error {
	unmade, later := t.unmade(r), false
	if !unmade {
		r, later = t.newest(r)
	}
	var err error
	if t.local != nil {
		err = t.local.Commit(ctx, r)
	}
	failpoint.Hit("end kept")
	if spec, known := t.cluster.opt.Spec(t.share.name); known {
		t.cluster.paces.forget(spec, t.attempt)
	}
	s := t.share
	s.mu.Lock()
	s.held, s.running, s.later = r, false, s.later || later
	if t.attempt != "" {
		// Without a call, an earlier one still has no known outcome.
		s.ended = append(s.ended, ended{t.attempt, r.Past.Open || unmade && t.replaced})
	}
	s.mu.Unlock()
	if t.cluster.Up() {
		shared, cancel := context.WithTimeout(ctx, commitWait)
		defer cancel()
		t.cluster.sync(shared, s)
		failpoint.Hit("end shared")
	}
	t.cluster.syncSoon(s)
	return err
}

// unmade reports whether a record is that of an attempt that made no call. A login brings
// another seed.
func (t *ticket) unmade(r schedule.Record) bool {
	return versionOf(r) == versionOf(t.basis) && maps.EqualFunc(r.Token().Seed, t.basis.Token().Seed, credential.Secret.Equal)
}

// newest returns a record that is newer than the one it was made from, although the clock
// of this machine may be behind the one that told when that was made: otherwise the old
// record, with a seed that was sent or without a refusal, would replace the new one. It
// reports whether it has changed an instant.
func (t *ticket) newest(r schedule.Record) (_ schedule.Record, later bool) {
	v, basis := versionOf(r), versionOf(t.basis)
	issued := basis.Issued
	if v.Generation > basis.Generation {
		issued = max(issued, t.after) + 1
	}
	if v.Issued < issued {
		token := r.Token()
		token.IssuedAt = time.Unix(0, max(issued, basis.Issued+1)).UTC()
		r.Part, later = token, true
	}
	if touched := max(basis.Touched, t.after); v.Touched <= touched && v.Issued <= basis.Issued {
		r.Past.AttemptAt, later = time.Unix(0, touched+1).UTC(), true
	}
	return r, later
}

// commitWait bounds how long an answer waits to be shared before this machine uses it.
const commitWait = 2 * time.Second

// Write implements engine.Ledger.
func (c *Cluster) Write(ctx context.Context, batch engine.Batch) error {
	if err := c.opt.Local.Write(ctx, batch); err != nil {
		return err
	}
	for key, r := range batch.Records {
		if key.Kind != schedule.Obtaining {
			continue
		}
		s := c.shareOf(key.Name)
		s.mu.Lock()
		s.held = r
		s.mu.Unlock()
		c.syncSoon(s)
	}
	for name, r := range batch.Providers {
		c.shareCooldown(name, r)
	}
	c.drop(ctx, batch.Dropped)
	return nil
}
