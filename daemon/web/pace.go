package web

import (
	"context"
	"time"

	"golang.org/x/time/rate"
)

// Limits for the answers to one class of peers.
const (
	// bytesASecond counts what is written. A short answer counts as leastOfOne,
	// which makes 512 of them a second: more than any reader needs, and cheap.
	bytesASecond = 256 << 20
	leastOfOne   = 512 << 10
	// mostAtOnce is what one long answer can take from those after it.
	mostAtOnce = bytesASecond / 2
)

// pace limits the answers to one class of peers.
type pace struct {
	// first is held by whoever is next. Only that one has reserved anything, because
	// a reservation that others follow cannot be given back.
	first   chan struct{}
	limiter *rate.Limiter
}

func newPace() *pace {
	return &pace{first: make(chan struct{}, 1), limiter: rate.NewLimiter(bytesASecond, mostAtOnce)}
}

// wait returns when a request may be answered, in the order in which they came.
func (p *pace) wait(ctx context.Context) error {
	select {
	case p.first <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.first }()
	return p.limiter.WaitN(ctx, leastOfOne)
}

// wrote counts what was written.
func (p *pace) wrote(n int) { p.limiter.ReserveN(time.Now(), min(n, mostAtOnce)) }
