package cluster

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/vigented/vigente/credential"
)

// exclusiveSlack is how much longer than its command a lock lasts.
const exclusiveSlack = 10 * time.Second

// lockNote says who holds a lock.
type lockNote struct {
	Node string `json:"node"`
}

// Exclusive runs a command while no other machine runs one of the same name. The lock
// outlasts the command: if this machine falls silent, it expires after the command's
// timeout. While it is held elsewhere, or the engine is away, the command does not run
// and remains owed.
func (c *Cluster) Exclusive(ctx context.Context, name string, longest time.Duration, run func(context.Context) error) error {
	key := hookPrefix + name
	sealed, err := c.keys.seal(key, 0, lockNote{c.opt.Node})
	if err != nil {
		return err
	}
	if !c.Up() {
		return waits("it waits until the cluster's engine is back, since one command %q at a time may run", name)
	}
	if c.silencedByKey() {
		return waits("it waits, since the cluster's key of this machine differs from that of the others")
	}
	if !c.startCommand(name) {
		return waits("it waits for another command %q of this machine", name)
	}
	defer c.endCommand(name)
	seconds := int64((longest+exclusiveSlack)/time.Second) + 1
	now, done, err := c.opt.KV.Swap(ctx, key, 0, sealed, seconds)
	var held lockNote
	if err == nil && !done && c.keys.open(key, now.Value, &held) == nil && held.Node == c.opt.Node {
		// Left over from a release whose answer was lost, or from before a restart.
		now, done, err = c.opt.KV.Swap(ctx, key, now.Rev, sealed, seconds)
	}
	if err != nil {
		return waits("it waits until the cluster's engine answers, since one command %q at a time may run", name)
	}
	if !done {
		return waits("it waits for %s, which runs the command %q", orAnother(held.Node), name)
	}
	defer c.release(context.WithoutCancel(ctx), key, now.Rev)
	return run(ctx)
}

// release ends a lock. A release that is not answered is tried again later: the lock
// does not expire while this machine lives.
func (c *Cluster) release(ctx context.Context, key string, rev int64) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := c.opt.KV.Remove(ctx, key, rev)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.locks[key] = max(c.locks[key], rev)
	} else if c.locks[key] == rev {
		delete(c.locks, key)
	}
}

// releaseAgain tries again to end locks. One that a later command holds has another
// revision, and stays.
func (c *Cluster) releaseAgain(ctx context.Context) {
	c.mu.Lock()
	owed := maps.Clone(c.locks)
	if !c.up {
		owed = nil
	}
	c.mu.Unlock()
	for key, rev := range owed {
		c.release(ctx, key, rev)
	}
}

// startCommand reports whether no command of that name was running on this machine.
func (c *Cluster) startCommand(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.commands[name] {
		return false
	}
	c.commands[name] = true
	return true
}

func (c *Cluster) endCommand(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.commands, name)
}

func orAnother(node string) string {
	if node == "" {
		return "another machine"
	}
	return node
}

func waits(format string, args ...any) error {
	return &credential.Fault{Reason: credential.ReasonInternal, Message: fmt.Sprintf(format, args...)}
}
