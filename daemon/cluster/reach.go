package cluster

import (
	"context"
	"time"
)

// Up reports whether the engine answers linearizable reads.
func (c *Cluster) Up() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.up
}

// AloneSince returns when the engine was last reached, or zero if it is up.
func (c *Cluster) AloneSince() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.up {
		return time.Time{}
	}
	return c.aloneSince
}

// probe queries the engine every two seconds; it is away if it does not answer.
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
		c.releaseAgain(ctx)
		c.oversee()
		c.sayDiffering()
		wait(ctx, probeEvery)
	}
}

// rewatch ends the watch, so that everything is listed again: a restored engine
// continues with revisions that an earlier watch does not see.
func (c *Cluster) rewatch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listAgain != nil {
		c.listAgain()
	}
}

// Bounds of the probe: a change is noticed within their sum.
const (
	probeEvery   = 2 * time.Second
	probeTimeout = 3 * time.Second
)

func (c *Cluster) setUp(up bool) {
	c.mu.Lock()
	was, known := c.up, c.probed
	c.up, c.probed = up, true
	if was && !up {
		c.aloneSince = c.clock()
		c.seenUntil(c.aloneSince)
	}
	since := c.aloneSince
	c.mu.Unlock()
	switch {
	case !up && (was || !known): // also at the start
		c.warn("engine away", "", "alone since "+since.Format(time.RFC3339)+"; what is held is served and delivered, cluster.alone = "+string(c.opt.Alone))
	case !was && up:
		c.warn("engine reached", "", "")
	}
}
