package engine

import "sync"

// crew starts the workers and is waited for. Instead of a goroutine a test may
// take each piece of work and run it step by step, on a clock of its own.
type crew struct {
	sync.WaitGroup
	instead func(work func())
}

// Go starts one piece of work.
func (c *crew) Go(work func()) {
	if c.instead != nil {
		c.instead(work)
		return
	}
	c.WaitGroup.Go(work)
}
