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
	case differs:
		return errors.New("leave the cluster: the key of this machine differs from that of the others")
	case !up || !ready:
		return errors.New("leave the cluster: the engine is not reached")
	case len(seen) > 0:
		return fmt.Errorf("leave the cluster: %s is there (stop it first; or keep the cluster and stop this machine)", seen[0])
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

// syncFully syncs one credential, including the end of other machines' calls, or says
// why that is impossible.
func (c *Cluster) syncFully(ctx context.Context, s *share) error {
	for {
		synced := c.sync(ctx, s)
		node := c.unended(s)
		if synced && node == "" {
			return nil
		}
		if ctx.Err() != nil && node != "" {
			return fmt.Errorf("leave the cluster: the call of %s for %s has no known end yet: try again in a minute", node, s.name)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("leave the cluster: %s is being renewed, or the engine does not answer", s.name)
		}
		wait(ctx, 100*time.Millisecond)
	}
}

// unended returns the machine whose call for a credential may have revoked or spent
// something, unless the record of this machine says so already: once it has left, it
// knows only what its own records say.
func (c *Cluster) unended(s *share) (node string) {
	spec, known := c.opt.Spec(s.name)
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.seen.Intent
	switch {
	case i.None(), !known, i.Node == c.opt.Node:
	case max(i.Ability, spec.Ability(s.held)) == Plain:
	case s.held.Past.Open, parkedAmbiguous(s.held):
	default:
		return i.Node
	}
	return ""
}

// joinAgain removes the note of this machine.
func (c *Cluster) joinAgain(ctx context.Context) {
	if c.silencedByKey() {
		return
	}
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
