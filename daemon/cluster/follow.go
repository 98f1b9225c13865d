package cluster

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// Run keeps this machine in sync with the others until ctx ends.
func (c *Cluster) Run(ctx context.Context) {
	var parts sync.WaitGroup
	defer parts.Wait()
	for range syncers {
		parts.Go(func() { c.syncAll(ctx) })
	}
	parts.Go(func() { c.probe(ctx) })
	said := ""
	for ctx.Err() == nil {
		err := c.follow(ctx)
		if c.isReady() {
			said = ""
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrAway) && !errors.Is(err, ErrUnknown) && err.Error() != said {
			said = err.Error()
			c.warn("cluster not followed", "", said)
		}
		c.setReady(false)
		wait(ctx, time.Second)
	}
}

// syncers is how many credentials are synced at once.
const syncers = 16

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// follow lists everything, offers what this machine holds, and then watches. It
// lists again after a compaction, and after the engine was away.
func (c *Cluster) follow(ctx context.Context) error {
	entries, rev, err := c.opt.KV.List(ctx, "")
	if err != nil {
		return err
	}
	c.noteRevision(rev)
	c.noteList(entries, rev)
	if c.hasLeft() {
		<-ctx.Done()
		return ctx.Err()
	}
	c.announce(ctx)
	c.joinAgain(ctx)
	names := c.opt.Names()
	c.offerAll(ctx, names)
	c.setReady(true)
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	c.mu.Lock()
	c.listAgain = cancel
	c.mu.Unlock()
	err = c.opt.KV.Watch(watching, "", rev, func(e Entry) { c.noteEntry(e) })
	if watching.Err() != nil && ctx.Err() == nil {
		return ErrAway // the engine was restored
	}
	return err
}

// noteRevision records the revision of a list. If it went back, the engine was
// replaced or restored, and a lower revision may be newer.
func (c *Cluster) noteRevision(rev int64) {
	c.mu.Lock()
	back := rev < c.lastRev
	c.lastRev = rev
	shares := slices.Collect(maps.Values(c.shares))
	c.mu.Unlock()
	if !back {
		return
	}
	for _, s := range shares {
		s.mu.Lock()
		s.at = 0
		s.mu.Unlock()
	}
}

func (c *Cluster) isReady() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ready
}

func (c *Cluster) setReady(ready bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ready = ready
}

// offerAll syncs every credential once, before the first call.
func (c *Cluster) offerAll(ctx context.Context, names []string) {
	work := make(chan string)
	var all sync.WaitGroup
	for range syncers {
		all.Go(func() {
			for name := range work {
				s := c.shareOf(name)
				if !c.sync(ctx, s) {
					c.syncSoon(s)
				}
			}
		})
	}
	for _, name := range names {
		work <- name
	}
	close(work)
	all.Wait()
}

// syncSoon queues a credential for the next sync.
func (c *Cluster) syncSoon(s *share) {
	go func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		c.queue(s)
	}()
}

// queue is syncSoon for a caller that holds s.mu.
func (c *Cluster) queue(s *share) {
	if s.queued {
		return
	}
	select {
	case c.todo <- s:
		s.queued = true
	default: // the next list finds it
	}
}

func (c *Cluster) syncAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-c.todo:
			s.mu.Lock()
			s.queued = false
			s.mu.Unlock()
			if !c.sync(ctx, s) {
				time.AfterFunc(syncEvery, func() { c.syncSoon(s) })
			}
		}
	}
}

// syncEvery is how often an unfinished sync is retried.
const syncEvery = 300 * time.Millisecond
