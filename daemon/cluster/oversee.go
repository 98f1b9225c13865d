package cluster

import (
	"slices"
	"strings"
	"time"
)

// oversee looks for calls of other machines whose outcome is unknown, and has this
// machine complete those renewals, however long the old value is still valid: nothing
// else would wake this machine before the value is due.
func (c *Cluster) oversee() {
	c.mu.Lock()
	able := c.up && c.ready && !c.keyDiffers && !c.gone
	c.mu.Unlock()
	if !able {
		return
	}
	for _, s := range c.allShares() {
		if spec, known := c.opt.Spec(s.name); known {
			c.overseeOne(s, spec)
		}
	}
}

func (c *Cluster) overseeOne(s *share, spec Spec) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.seen.Intent
	if i.None() || s.running || s.newer || len(s.ended) > 0 || slices.Contains(s.uncalled, i.Attempt) {
		return
	}
	if i.Node != c.opt.Node && !i.Lost && c.silence(s, spec) > 0 {
		return
	}
	switch ability := max(i.Ability, spec.Ability(s.held)); {
	case ability == Spends && !c.graced(s, spec):
		s.ambiguous = !parkedAmbiguous(s.held)
	default:
		s.unended = !s.held.Past.Open
	}
	if s.ambiguous || s.unended {
		c.queue(s)
	}
}

// graced reports whether the backend still accepts a seed that was sent in a call whose
// outcome is unknown. The clocks of two machines may differ, so the time since the
// intent was seen here counts as well.
func (c *Cluster) graced(s *share, spec Spec) bool {
	i := s.seen.Intent
	if spec.Grace <= 0 || i.None() {
		return false
	}
	now := c.clock()
	return max(now.Sub(time.Unix(0, i.firstShown())), now.Sub(s.intentSeen)) < spec.Grace
}

// syncEverything queues all credentials: what the machines did not take from each other
// while they differed.
func (c *Cluster) syncEverything() {
	for _, s := range c.allShares() {
		s.mu.Lock()
		c.queue(s)
		s.mu.Unlock()
	}
}

// sayDiffering warns once of each set of machines with another configuration.
func (c *Cluster) sayDiffering() {
	differing := strings.Join(c.Differing(), ", ")
	c.mu.Lock()
	was := c.differing
	c.differing = differing
	c.mu.Unlock()
	switch {
	case differing == was:
	case differing == "":
		c.syncEverything()
		c.warn("machines agree", "", "all run the same configuration of providers, credentials and renewal")
	default:
		c.warn("machines differ", "", differing+" has other providers, credentials or renewal settings than this machine")
	}
}
