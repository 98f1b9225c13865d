// Package turnstile limits how much of this machine expensive work may use when
// others decide how often it is requested. One caller at a time does the work,
// in order of arrival, and each run is followed by a pause longer than the work
// took. However many callers there are, the work takes at most a fifth of one
// core.
package turnstile

import (
	"context"
	"time"
)

const (
	// restFor is the ratio of the pause to the time the work took.
	restFor = 4
	// longestRest bounds the pause, because callers are waiting.
	longestRest = time.Second
	// tooShort is work so short that it needs no pause.
	tooShort = time.Millisecond
)

// Turnstile lets callers do their work one after another.
type Turnstile struct {
	turn  chan struct{}
	until time.Time // the end of the pause; belongs to the caller whose turn it is
}

// New returns an unused Turnstile.
func New() *Turnstile { return &Turnstile{turn: make(chan struct{}, 1)} }

// Do waits for the caller's turn. If done reports that nothing is left to do,
// perhaps because an earlier caller did it, Do returns at once. Otherwise it
// does the work after the pause. It returns an error if ctx ends first.
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
