// Package cluster lets several machines share their credentials: one renews, and
// all receive the result.
//
// A call to a backend is made only after its intent has been committed with a
// compare-and-swap on the single key of that credential, and the answer is durable
// on the machine before it is shared. So a seed is never sent twice, whatever is
// lost, delayed, stopped or restored. A machine serves what it holds without the
// others.
package cluster

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// Alone says what may be renewed while the cluster's engine is away.
type Alone string

// The choices: nothing; what revokes and spends nothing; or everything, which is
// safe on only one machine.
const (
	AloneNone  Alone = "none"
	AlonePlain Alone = "plain"
	AloneAll   Alone = "all"
)

// Spec is what the cluster needs to know about a credential.
type Spec struct {
	Timeout time.Duration
	// Identity and Inputs are those of its task on this machine.
	Identity, Inputs string
	// Digest identifies its secrets and keys; machines with the same ones have the
	// same digest.
	Digest string
	// Provider names its backend, whose Rates apply to all machines together.
	Provider string
	Rates    []schedule.Rate
	// Grace is how long the backend still accepts a seed after its first use.
	Grace time.Duration
	// Ability returns what its next renewal would do.
	Ability func(held schedule.Record) Ability
}

// Options configure a Cluster. All but OldKeys, Alone, Cooldown, Warn and Changed are
// required.
type Options struct {
	KV      KV
	Local   engine.Ledger
	Node    string
	Version string
	// Name distinguishes clusters, as the prefix of their keys.
	Name    string
	Key     [32]byte
	OldKeys [][32]byte
	Alone   Alone
	// Spec returns a configured credential; Names returns the names of all of them.
	Spec  func(name string) (Spec, bool)
	Names func() []string
	// Held are the records from before the restart.
	Held map[schedule.Key]schedule.Record
	// Hash identifies the part of the configuration that all machines share.
	Hash func() string
	// Learn passes a record to the board; false means an attempt is in progress.
	Learn func(ctx context.Context, name string, r schedule.Record) (bool, error)
	// Cooldown passes on what another machine learned about a backend.
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
	probed     bool // up is known
	ready      bool // the list was read, and everything held was offered
	aloneSince time.Time
	keyDiffers bool
	members    map[string]member
	cooldowns  map[string]int64 // revisions, by provider
	presence   int64            // revision of our own key
	left       map[string]leaveNote
	commands   map[string]bool  // running here, by name
	locks      map[string]int64 // revisions of locks whose release was not answered
	gone       bool             // this machine has left
	differing  string           // the machines last warned of for another configuration
	lastRev    int64
	listAgain  context.CancelFunc // ends the watch
}

var _ engine.Ledger = (*Cluster)(nil)

// New returns a cluster that is not connected yet; see Run.
func New(opt Options) (*Cluster, error) {
	keys, err := newKeyring(opt.Name, opt.Key, opt.OldKeys...)
	if err != nil {
		return nil, err
	}
	opt.Alone = cmp.Or(opt.Alone, AlonePlain)
	c := &Cluster{
		opt: opt, keys: keys, paces: newPaces(), clock: time.Now, shares: map[string]*share{}, todo: make(chan *share, 1<<16),
		members: map[string]member{}, cooldowns: map[string]int64{}, left: map[string]leaveNote{}, commands: map[string]bool{}, locks: map[string]int64{}, aloneSince: time.Now(),
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

func (c *Cluster) allShares() []*share {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Collect(maps.Values(c.shares))
}

func (c *Cluster) warn(message, name, detail string) {
	if c.opt.Warn != nil {
		c.opt.Warn(message, name, detail)
	}
}

// silencedByKey reports whether this machine must not write, because its key cannot
// decrypt what the others share.
func (c *Cluster) silencedByKey() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keyDiffers
}

// TakeOver allows the next call of each of these although the outcome of an earlier
// call is unknown. The returned function withdraws the permission, so that it is not
// used later, when nobody is watching.
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

// rank returns the position of this machine among the live ones, in the order of a
// credential, leaving out one of them.
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

// sortedNames returns the keys of m, sorted.
func sortedNames[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
