package cluster

import (
	"context"

	"github.com/vigented/vigente/daemon/schedule"
)

// drop removes the records of removed credentials from the engine after an hour, unless
// another machine may still have them: one that runs another configuration, or that
// offers its own record when it comes back.
func (c *Cluster) drop(ctx context.Context, keys []schedule.Key) {
	if len(keys) == 0 || !c.Up() || c.silencedByKey() || len(c.Differing()) > 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, commitWait)
	defer cancel()
	for _, key := range keys {
		if _, known := c.opt.Spec(key.Name); key.Kind != schedule.Obtaining || known {
			continue
		}
		c.mu.Lock()
		s := c.shares[key.Name]
		c.mu.Unlock()
		if s == nil || c.refresh(ctx, s) != nil {
			continue
		}
		s.mu.Lock()
		rev, calling := s.rev, !s.seen.Intent.None()
		s.mu.Unlock()
		if rev == 0 || calling {
			continue
		}
		if done, err := c.opt.KV.Remove(ctx, s.key(), rev); done && err == nil {
			c.mu.Lock()
			delete(c.shares, key.Name)
			c.mu.Unlock()
		}
	}
}

// Added syncs credentials that were added to the configuration, or added again: what
// the others renewed meanwhile takes effect here without a call.
func (c *Cluster) Added(names []string) {
	for _, name := range names {
		c.mu.Lock()
		s := c.shares[name]
		c.mu.Unlock()
		if s != nil {
			c.syncSoon(s)
		}
	}
}
