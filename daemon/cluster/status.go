package cluster

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
)

// Status is what this machine knows of the cluster, for people and programs.
type Status struct {
	Format   int             `json:"format"`
	Engine   EngineStatus    `json:"engine"`
	Machines []MachineStatus `json:"machines"`
	Intents  []IntentStatus  `json:"intents"`
}

// EngineStatus says whether the engine answers linearizable reads.
type EngineStatus struct {
	Up         bool       `json:"up"`
	AloneSince *time.Time `json:"alone_since"`
}

// MachineStatus is one machine.
type MachineStatus struct {
	Name       string    `json:"name"`
	LastSeen   time.Time `json:"last_seen"`
	Version    string    `json:"version"`
	ConfigHash string    `json:"config_hash"`
}

// IntentStatus is one call in progress, or one whose outcome is unknown.
type IntentStatus struct {
	Credential string    `json:"credential"`
	Node       string    `json:"node"`
	At         time.Time `json:"at"`
}

// Status returns what is known now, without waiting.
func (c *Cluster) Status() Status {
	s := Status{Format: 1, Machines: []MachineStatus{}, Intents: []IntentStatus{}}
	now := c.clock().UTC().Truncate(time.Second)
	c.mu.Lock()
	s.Engine.Up = c.up
	if !c.up {
		since := c.aloneSince.UTC().Truncate(time.Second)
		s.Engine.AloneSince = &since
	}
	for name, m := range c.members {
		seen := m.LastSeen.UTC().Truncate(time.Second)
		if m.live && c.up || name == c.opt.Node {
			seen = now
		}
		s.Machines = append(s.Machines, MachineStatus{name, seen, m.Version, m.Hash})
	}
	if _, there := c.members[c.opt.Node]; !there {
		s.Machines = append(s.Machines, MachineStatus{c.opt.Node, now, c.opt.Version, c.opt.Hash()})
	}
	shares := slices.Collect(maps.Values(c.shares))
	c.mu.Unlock()
	for _, one := range shares {
		one.mu.Lock()
		if i := one.seen.Intent; !i.None() {
			s.Intents = append(s.Intents, IntentStatus{one.name, i.Node, time.Unix(0, i.At).UTC().Truncate(time.Second)})
		}
		one.mu.Unlock()
	}
	slices.SortFunc(s.Machines, func(a, b MachineStatus) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(s.Intents, func(a, b IntentStatus) int { return strings.Compare(a.Credential, b.Credential) })
	return s
}

// Differing returns the live machines with another configuration.
func (c *Cluster) Differing() []string {
	hash := c.opt.Hash()
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name, m := range c.members {
		if m.live && name != c.opt.Node && m.Hash != hash {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Flush shares what has not been shared yet, as far as ctx allows, and announces that
// this machine is going.
func (c *Cluster) Flush(ctx context.Context) {
	c.mu.Lock()
	up, rev := c.up, c.presence
	shares := slices.Collect(maps.Values(c.shares))
	c.mu.Unlock()
	if !up {
		return
	}
	for _, one := range shares {
		one.mu.Lock()
		owed := len(one.ended) > 0
		one.mu.Unlock()
		if owed && ctx.Err() == nil {
			c.sync(ctx, one)
		}
	}
	if rev != 0 && ctx.Err() == nil {
		_, _ = c.opt.KV.Remove(ctx, presencePrefix+c.opt.Node, rev)
	}
}

// Close closes the connection to the engine.
func (c *Cluster) Close() error { return c.opt.KV.Close() }
