// Package turnstile bounds what costly work may take of this machine when others
// decide how often it is asked for: one caller at a time does it, in the order in
// which they came, and after each there is a rest that is longer than the work was.
// However many ask, and however often, it takes a fifth of one processor at most,
// so that it holds up nothing else.
package turnstile

import (
	"context"
	"time"
)

const (
	// restFor is how much longer than the work the rest behind it is.
	restFor = 4
	// longestRest bounds it: then somebody has waited long enough.
	longestRest = time.Second
	// tooShort is work that is not worth a rest.
	tooShort = time.Millisecond
)

// Turnstile lets callers do their work one after the other.
type Turnstile struct {
	turn  chan struct{}
	until time.Time // the end of the rest; for whoever has the turn
}

// New returns a Turnstile that nobody is in.
func New() *Turnstile { return &Turnstile{turn: make(chan struct{}, 1)} }

// Do waits for the caller's turn. If done says that there is nothing left to do,
// perhaps since somebody before did it, it returns at once, else it does the work
// after the rest. It fails when ctx ends before.
func (t *Turnstile) Do(ctx context.Context, done func() bool, work func()) error {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-t.turn }()
	if done() {
		return nil
	}
	if left := time.Until(t.until); left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	begun := time.Now()
	defer func() {
		if took := time.Since(begun); took > tooShort {
			t.until = time.Now().Add(min(longestRest, restFor*took))
		}
	}()
	work()
	return nil
}
