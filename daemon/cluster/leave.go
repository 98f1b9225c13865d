package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Leave syncs everything to this machine, and writes a note with the credentials whose
// renewal spends a seed: a machine that finds the note does not spend those until this
// one joins again. It is refused while another machine is present. Afterwards this
// machine renews without the others.
func (c *Cluster) Leave(ctx context.Context) error {
	c.mu.Lock()
	up, ready, differs := c.up, c.ready, c.keyDiffers
	var seen []string
	for name, m := range c.members {
		if m.live && name != c.opt.Node {
			seen = append(seen, name)
		}
	}
	c.mu.Unlock()
	switch {
	case len(seen) > 0:
		return fmt.Errorf("leave the cluster: %s is there (stop it first; or keep the cluster and stop this machine)", seen[0])
	case differs:
		return errors.New("leave the cluster: the key of this machine differs from that of the others")
	case !up || !ready:
		return errors.New("leave the cluster: the engine is not reached")
	}
	note := leaveNote{Node: c.opt.Node}
	for _, name := range c.opt.Names() {
		s := c.shareOf(name)
		if err := c.syncFully(ctx, s); err != nil {
			return err
		}
		if spec, known := c.opt.Spec(name); known && spec.Ability(s.heldRecord()) >= SpendsElse {
			note.Names = append(note.Names, name)
		}
	}
	key := leavePrefix + c.opt.Node
	sealed, err := c.keys.seal(key, 0, note)
	if err != nil {
		return err
	}
	e, err := c.opt.KV.Get(ctx, key)
	if err == nil {
		_, _, err = c.opt.KV.Swap(ctx, key, e.Rev, sealed, 0)
	}
	if err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	c.mu.Lock()
	c.gone = true
	rev := c.presence
	c.mu.Unlock()
	_, _ = c.opt.KV.Remove(ctx, presencePrefix+c.opt.Node, rev)
	return nil
}

// syncFully syncs one credential, or says why that is impossible.
func (c *Cluster) syncFully(ctx context.Context, s *share) error {
	for !c.sync(ctx, s) {
		if ctx.Err() != nil {
			return fmt.Errorf("leave the cluster: %s is being renewed, or the engine does not answer", s.name)
		}
		wait(ctx, 100*time.Millisecond)
	}
	return nil
}

// joinAgain removes the note of this machine.
func (c *Cluster) joinAgain(ctx context.Context) {
	key := leavePrefix + c.opt.Node
	if e, err := c.opt.KV.Get(ctx, key); err == nil && e.Rev > 0 {
		_, _ = c.opt.KV.Remove(ctx, key, e.Rev)
	}
}

// hasLeft reports whether this machine has left the cluster.
func (c *Cluster) hasLeft() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone
}
