package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// Keys besides those of the credentials. They serve display, the choice of who tries
// first, and what is known of backends, but never safety.
const (
	presencePrefix = "n/" // a present machine, with a lease
	machinePrefix  = "m/" // every machine there has been
	cooldownPrefix = "p/" // what the callers of a backend share
	hookPrefix     = "h/" // one command at a time
	leavePrefix    = "l/" // what a machine left with
)

// presenceSeconds is how long a silent machine counts as present.
const presenceSeconds = 10

// member is a machine as the others see it.
type member struct {
	Name     string    `json:"name"`
	Version  string    `json:"version"`
	Hash     string    `json:"config_hash"`
	LastSeen time.Time `json:"last_seen"`
	live     bool
}

// leaveNote records that a machine left with some credentials.
type leaveNote struct {
	Node  string   `json:"node"`
	Names []string `json:"names"`
}

func (c *Cluster) alive(node string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.members[node].live
}

// noteList records all keys at once, and checks whether any record can be decrypted.
func (c *Cluster) noteList(entries []Entry, rev int64) {
	opened, refused := 0, 0
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Key] = true
		if kind, name, _ := strings.Cut(e.Key, "/"); name != c.opt.Node || kind+"/" == credentialPrefix {
			var any json.RawMessage
			if err := c.keys.open(e.Key, e.Value, &any); err == nil || errors.Is(err, errNewer) {
				opened++
			} else {
				refused++
			}
		}
	}
	differs := refused > 0 && opened == 0
	c.mu.Lock()
	was := c.keyDiffers
	c.keyDiffers = differs
	for name, m := range c.members {
		m.live = m.live && there[presencePrefix+name]
		c.members[name] = m
	}
	c.left = map[string]leaveNote{}
	known := sortedNames(c.shares)
	c.mu.Unlock()
	if differs {
		if !was {
			c.warn("cluster key differs", "", "none of the shared records opens with the key of this machine: it calls nothing and writes nothing")
		}
		return
	}
	for _, e := range entries {
		c.noteEntry(e)
	}
	for _, name := range known {
		if !there[credentialPrefix+name] {
			c.note(c.shareOf(name), Entry{Key: credentialPrefix + name, At: rev})
		}
	}
}

// noteEntry records one key.
func (c *Cluster) noteEntry(e Entry) {
	c.mu.Lock()
	c.lastRev = max(c.lastRev, e.At)
	c.mu.Unlock()
	kind, name, _ := strings.Cut(e.Key, "/")
	switch kind + "/" {
	case credentialPrefix:
		s := c.shareOf(name)
		c.countIntent(s, c.note(s, e))
	case presencePrefix, machinePrefix:
		c.noteMember(kind+"/" == presencePrefix, name, e)
	case cooldownPrefix:
		c.noteCooldown(name, e)
	case leavePrefix:
		c.noteLeave(e)
	}
}

func (c *Cluster) noteMember(presence bool, name string, e Entry) {
	var m member
	if e.Rev > 0 && c.keys.open(e.Key, e.Value, &m) != nil {
		return
	}
	c.mu.Lock()
	old := c.members[name]
	switch {
	case presence && e.Rev == 0:
		old.Name, old.live = name, false
		old.LastSeen = c.clock()
		c.members[name] = old
	case e.Rev == 0:
	default:
		m.live = old.live || presence
		if old.LastSeen.After(m.LastSeen) {
			m.LastSeen = old.LastSeen
		}
		c.members[name] = m
	}
	if presence && name == c.opt.Node {
		c.presence = e.Rev
	}
	c.mu.Unlock()
}

// seenUntil notes that the live machines were seen until then. Their own records say
// when they were announced. The caller holds c.mu.
func (c *Cluster) seenUntil(at time.Time) {
	for name, m := range c.members {
		if m.live {
			m.LastSeen = at
			c.members[name] = m
		}
	}
}

// keepPresent announces this machine if something has changed. It waits for the
// first list, which tells whether the key is the right one.
func (c *Cluster) keepPresent(ctx context.Context) {
	c.mu.Lock()
	up, known, rev := c.up && c.ready && !c.keyDiffers && !c.gone, c.members[c.opt.Node], c.presence
	c.mu.Unlock()
	if up && (rev == 0 || known.Hash != c.opt.Hash()) {
		c.announce(ctx)
	}
}

// announce writes the keys of this machine.
func (c *Cluster) announce(ctx context.Context) {
	c.mu.Lock()
	rev := c.presence
	silent := c.keyDiffers
	c.mu.Unlock()
	if silent {
		return
	}
	m := member{Name: c.opt.Node, Version: c.opt.Version, Hash: c.opt.Hash(), LastSeen: c.clock().UTC()}
	for range 3 {
		sealed, err := c.keys.seal(presencePrefix+m.Name, 0, m)
		if err != nil {
			return
		}
		now, done, err := c.opt.KV.Swap(ctx, presencePrefix+m.Name, rev, sealed, presenceSeconds)
		if err != nil {
			return
		}
		rev = now.Rev
		if done {
			c.noteMember(true, m.Name, now)
			break
		}
	}
	key := machinePrefix + m.Name
	if e, err := c.opt.KV.Get(ctx, key); err == nil {
		if sealed, err := c.keys.seal(key, 0, m); err == nil {
			_, _, _ = c.opt.KV.Swap(ctx, key, e.Rev, sealed, 0)
		}
	}
}

// shareCooldown tells the others what a backend asked of all its callers.
func (c *Cluster) shareCooldown(provider string, r schedule.ProviderRecord) {
	c.mu.Lock()
	up, rev := c.up && !c.keyDiffers, c.cooldowns[provider]
	c.mu.Unlock()
	if !up {
		return
	}
	key := cooldownPrefix + provider
	sealed, err := c.keys.seal(key, 0, r)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), commitWait)
	defer cancel()
	now, done, err := c.opt.KV.Swap(ctx, key, rev, sealed, 0)
	if err == nil && !done {
		now, _, err = c.opt.KV.Swap(ctx, key, now.Rev, sealed, 0)
	}
	if err == nil {
		c.mu.Lock()
		c.cooldowns[provider] = now.Rev
		c.mu.Unlock()
	}
}

func (c *Cluster) noteCooldown(provider string, e Entry) {
	var r schedule.ProviderRecord
	if e.Rev == 0 || c.keys.open(e.Key, e.Value, &r) != nil {
		return
	}
	c.mu.Lock()
	c.cooldowns[provider] = e.Rev
	c.mu.Unlock()
	if c.opt.Cooldown != nil && r.CooldownUntil.After(c.clock()) {
		go func() { // the watch must not wait for the board
			ctx, cancel := context.WithTimeout(context.Background(), commitWait)
			defer cancel()
			c.opt.Cooldown(ctx, provider, r)
		}()
	}
}

func (c *Cluster) noteLeave(e Entry) {
	var note leaveNote
	if e.Rev > 0 && c.keys.open(e.Key, e.Value, &note) != nil {
		return
	}
	node := strings.TrimPrefix(e.Key, leavePrefix)
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.left, func(_ string, old leaveNote) bool { return old.Node == node })
	for _, name := range note.Names {
		c.left[name] = note
	}
}
