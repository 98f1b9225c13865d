package cluster

import (
	"context"
	"time"
)

// Patient has attempts wait until this machine has joined, or knows that the
// engine is away, where they would be refused: whoever tries everything once
// does not come again. It is called before Run.
func (c *Cluster) Patient() { c.patient = true }

// joinTime bounds how long a patient attempt waits.
const joinTime = 10 * time.Second

// settledEvery is how often it looks.
const settledEvery = 20 * time.Millisecond

func (c *Cluster) joined(ctx context.Context) {
	if !c.patient {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	for !c.settled() && ctx.Err() == nil {
		wait(ctx, settledEvery)
	}
}

func (c *Cluster) settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.probed && (!c.up || c.ready || c.keyDiffers) || c.gone
}
