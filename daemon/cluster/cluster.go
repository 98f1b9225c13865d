// Package cluster lets several machines share their credentials: one renews,
// all receive.
//
// A call to a backend is made only after its intent was committed by a
// compare-and-swap on the one key of that credential, and its answer is durable
// on the machine before it is shared. So a seed is never shown twice, whatever
// is lost, late, stopped or restored. What a machine holds it serves without
// the others.
package cluster

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// Alone says what may be renewed while the engine is away.
type Alone string

// What may be renewed then: nothing, what revokes and spends nothing, or all, on
// one machine only.
const (
	AloneNone  Alone = "none"
	AlonePlain Alone = "plain"
	AloneAll   Alone = "all"
)

// Spec is what the cluster needs to know of a credential.
type Spec struct {
	Timeout time.Duration
	// Identity and Inputs are those of its task on this machine.
	Identity, Inputs string
	// Digest stands for its secrets and keys, alike on all machines that have the
	// same.
	Digest string
	// Provider names its backend, whose Rates hold for all machines together.
	Provider string
	Rates    []schedule.Rate
	// Grace is how long the backend takes a seed again after it was shown.
	Grace time.Duration
	// Ability says what its next renewal would do.
	Ability func(held schedule.Record) Ability
}

// Options make a Cluster. All but OldKeys, Alone, Cooldown, Warn and Changed are
// required.
type Options struct {
	KV      KV
	Local   engine.Ledger
	Node    string
	Version string
	// Name tells clusters apart; the prefix of its keys.
	Name    string
	Key     [32]byte
	OldKeys [][32]byte
	Alone   Alone
	// Spec returns a credential of the configuration, Names all of them.
	Spec  func(name string) (Spec, bool)
	Names func() []string
	// Held are the records of an earlier life.
	Held map[schedule.Key]schedule.Record
	// Hash stands for the part of the configuration that machines share.
	Hash func() string
	// Learn hands a record to the board; false says that an attempt is under way.
	Learn func(ctx context.Context, name string, r schedule.Record) (bool, error)
	// Cooldown hands over what another machine learned of a backend.
	Cooldown func(ctx context.Context, provider string, r schedule.ProviderRecord)
	// Warn writes a line to the log; the name may be empty.
	Warn func(message, name, detail string)
}

// Cluster is the ledger that several machines share.
type Cluster struct {
	opt   Options
	keys  *keyring
	paces *paces
	clock func() time.Time
	// patient is set before Run.
	patient bool

	mu         sync.Mutex
	shares     map[string]*share
	todo       chan *share
	up         bool
	probed     bool // whether it is up is known
	ready      bool // the list was read, and what is held was offered
	aloneSince time.Time
	keyDiffers bool
	members    map[string]member
	cooldowns  map[string]int64 // revisions, by provider
	presence   int64            // revision of our own key
	left       map[string]leaveNote
	commands   map[string]bool // that run here, one at a time
	gone       bool            // this machine has left
	differing  string          // the machines of another configuration that were told of
	lastRev    int64
	listAgain  context.CancelFunc // ends the watch
}

var _ engine.Ledger = (*Cluster)(nil)

// New returns a cluster that has reached nothing yet; see Run.
func New(opt Options) (*Cluster, error) {
	keys, err := newKeyring(opt.Name, opt.Key, opt.OldKeys...)
	if err != nil {
		return nil, err
	}
	opt.Alone = cmp.Or(opt.Alone, AlonePlain)
	c := &Cluster{
		opt: opt, keys: keys, paces: newPaces(), clock: time.Now, shares: map[string]*share{}, todo: make(chan *share, 1<<16),
		members: map[string]member{}, cooldowns: map[string]int64{}, left: map[string]leaveNote{}, commands: map[string]bool{}, aloneSince: time.Now(),
	}
	for key, r := range opt.Held {
		if key.Kind == schedule.Obtaining {
			c.shareOf(key.Name).held = r
		}
	}
	return c, nil
}

func (c *Cluster) shareOf(name string) *share {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.shares[name]
	if s == nil {
		s = &share{name: name}
		c.shares[name] = s
	}
	return s
}

func (c *Cluster) warn(message, name, detail string) {
	if c.opt.Warn != nil {
		c.opt.Warn(message, name, detail)
	}
}

// Up reports whether linearizable reads are answered.
func (c *Cluster) Up() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up
}

// AloneSince is when the engine was last reached, zero while it is.
func (c *Cluster) AloneSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up {
		return time.Time{}
	}
	return c.aloneSince
}

// silencedByKey reports whether nothing may be written, since the key of this
// machine opens nothing of what the others share.
func (c *Cluster) silencedByKey() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keyDiffers
}

// TakeOver lets the next call of these be made although an earlier one has no
// known end, until the function that it returns withdraws that: what a person
// allowed is not done later, when nobody looks.
func (c *Cluster) TakeOver(names []string) (withdraw func()) {
	set := func(allowed bool) {
		for _, name := range names {
			s := c.shareOf(name)
			s.mu.Lock()
			s.takeOver = allowed
			s.mu.Unlock()
		}
	}
	set(true)
	return func() { set(false) }
}

// mayCall says whether a call may be made without the others, or not at all.
func (c *Cluster) mayCall(name string, ability Ability) (alone bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	note, taken := c.left[name]
	switch {
	case c.gone:
		return true, nil
	case taken && note.Node != c.opt.Node && ability >= SpendsElse:
		return false, c.final(time.Minute, "%s has taken it back (cluster leave): it is renewed there until that machine joins again", note.Node)
	case c.keyDiffers:
		return false, c.final(5*time.Second, "the cluster's key of this machine differs from that of the others")
	case c.up && c.ready:
		return false, nil
	case c.up, !c.probed:
		return false, c.refusal(time.Second, "this machine is joining the cluster")
	case c.opt.Alone == AloneAll, c.opt.Alone == AlonePlain && ability == Plain:
		return true, nil
	case c.opt.Alone == AlonePlain:
		return false, c.final(2*time.Second, "the cluster's engine is away, and a renewal would revoke or spend something (cluster.alone = %q)", c.opt.Alone)
	}
	return false, c.final(2*time.Second, "the cluster's engine is away (cluster.alone = %q)", c.opt.Alone)
}

// rank is the place of this machine among the live ones in the order of a
// credential, without one of them.
func (c *Cluster) rank(name, without string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine, place := weight(name, c.opt.Node), 0
	for node, m := range c.members {
		if m.live && node != c.opt.Node && node != without && weight(name, node) > mine {
			place++
		}
	}
	return min(place, 3)
}

func weight(name, node string) uint64 {
	sum := sha256.Sum256([]byte(name + "\x00" + node))
	return binary.BigEndian.Uint64(sum[:])
}

// Run keeps the machine together with the others until ctx ends.
func (c *Cluster) Run(ctx context.Context) {
	var parts sync.WaitGroup
	defer parts.Wait()
	for range syncers {
		parts.Go(func() { c.syncAll(ctx) })
	}
	parts.Go(func() { c.probe(ctx) })
	for ctx.Err() == nil {
		err := c.follow(ctx)
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrAway) && !errors.Is(err, ErrUnknown) {
			c.warn("cluster not followed", "", err.Error())
		}
		c.setReady(false)
		wait(ctx, time.Second)
	}
}

// syncers is how many credentials are brought together at once.
const syncers = 16

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// follow lists everything, offers what is held, and then watches. The list comes
// again after a compaction, and after the engine was away.
func (c *Cluster) follow(ctx context.Context) error {
	entries, rev, err := c.opt.KV.List(ctx, "")
	if err != nil {
		return err
	}
	c.noteRevision(rev)
	c.takeList(entries, rev)
	if c.hasLeft() {
		<-ctx.Done()
		return ctx.Err()
	}
	c.announce(ctx)
	c.joinAgain(ctx)
	names := c.opt.Names()
	c.offerAll(ctx, names)
	c.setReady(true)
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.listAgain = cancel
	c.mu.Unlock()
	err = c.opt.KV.Watch(watching, "", rev, func(e Entry) { c.takeOne(e) })
	if watching.Err() != nil && ctx.Err() == nil {
		return ErrAway // The engine was put back.
	}
	return err
}

// noteRevision notes the revision of a list. When it went back the engine is
// another one, or was put back: what is older by number may be newer.
func (c *Cluster) noteRevision(rev int64) {
	c.mu.Lock()
	back := rev < c.lastRev
	c.lastRev = rev
	shares := make([]*share, 0, len(c.shares))
	for _, s := range c.shares {
		shares = append(shares, s)
	}
	c.mu.Unlock()
	if !back {
		return
	}
	for _, s := range shares {
		s.mu.Lock()
		s.at = 0
		s.mu.Unlock()
	}
}

func (c *Cluster) setReady(ready bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = ready
}

// offerAll brings everything together once before the first call.
func (c *Cluster) offerAll(ctx context.Context, names []string) {
	work := make(chan string)
	var all sync.WaitGroup
	for range syncers {
		all.Go(func() {
			for name := range work {
				s := c.shareOf(name)
				if !c.sync(ctx, s) {
					c.syncSoon(s)
				}
			}
		})
	}
	for _, name := range names {
		work <- name
	}
	close(work)
	all.Wait()
}

// syncSoon queues a credential for the next sync.
func (c *Cluster) syncSoon(s *share) {
	go func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.queue(s)
	}()
}

// queue is syncSoon for a caller that holds the share.
func (c *Cluster) queue(s *share) {
	if s.queued {
		return
	}
	select {
	case c.todo <- s:
		s.queued = true
	default: // The next list finds it.
	}
}

func (c *Cluster) syncAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-c.todo:
			s.mu.Lock()
			s.queued = false
			s.mu.Unlock()
			if !c.sync(ctx, s) {
				time.AfterFunc(syncEvery, func() { c.syncSoon(s) })
			}
		}
	}
}

// syncEvery is the pace at which what could not be brought together is tried.
const syncEvery = 300 * time.Millisecond

// probe asks the engine every two seconds: it is away when it does not answer.
func (c *Cluster) probe(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		before := c.lastRev
		c.mu.Unlock()
		limited, cancel := context.WithTimeout(ctx, probeTimeout)
		e, err := c.opt.KV.Get(limited, "probe")
		cancel()
		if ctx.Err() == nil {
			c.setUp(err == nil)
		}
		if err == nil && e.At < before {
			c.rewatch()
		}
		c.keepPresent(ctx)
		c.oversee()
		c.sayDiffering()
		wait(ctx, probeEvery)
	}
}

// rewatch ends the watch, so that everything is listed again: an engine that was
// put back goes on with revisions that a watch from before does not see.
func (c *Cluster) rewatch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listAgain != nil {
		c.listAgain()
	}
}

// Bounds of the probe: away or back is known within their sum.
const (
	probeEvery   = 2 * time.Second
	probeTimeout = 3 * time.Second
)

func (c *Cluster) setUp(up bool) {
	c.mu.Lock()
	was := c.up
	c.up, c.probed = up, true
	if was && !up {
		c.aloneSince = c.clock()
	}
	since := c.aloneSince
	c.mu.Unlock()
	switch {
	case was && !up:
		c.warn("engine away", "", "alone since "+since.Format(time.RFC3339)+"; what is held is served and delivered, cluster.alone = "+string(c.opt.Alone))
	case !was && up:
		c.warn("engine reached", "", "")
	}
}

// sortedNames returns the members' names.
func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
