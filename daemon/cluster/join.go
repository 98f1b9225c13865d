package cluster

import (
	"context"
	"time"
)

// Patient makes attempts wait, instead of being refused, until this machine has joined
// or knows that the engine is away. It is for a process that tries everything only
// once. Call it before Run.
func (c *Cluster) Patient() { c.patient = true }

// joinTime bounds how long a patient attempt waits.
const joinTime = 10 * time.Second

// joinPoll is how often a patient attempt checks.
const joinPoll = 20 * time.Millisecond

func (c *Cluster) joined(ctx context.Context) {
	if !c.patient {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for !c.joinDecided() && ctx.Err() == nil {
		wait(ctx, joinPoll)
	}
}

func (c *Cluster) joinDecided() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probed && (!c.up || c.ready || c.keyDiffers) || c.gone
}
