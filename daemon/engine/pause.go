package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// Pause prevents attempts for the named credentials until an instant, or until Resume
// if it is zero. The pause survives restarts, and delivered values stay. Every name
// must be in the plan.
func (e *Engine) Pause(ctx context.Context, names []string, until time.Time) error {
	if until.IsZero() {
		until = schedule.Endless
	}
	return e.pauseUntil(ctx, names, until)
}

// Resume ends the pauses of the named credentials.
func (e *Engine) Resume(ctx context.Context, names []string) error {
	return e.pauseUntil(ctx, names, time.Time{})
}

func (e *Engine) pauseUntil(ctx context.Context, names []string, until time.Time) error {
	return e.ask(ctx, func() {
		for _, name := range names {
			e.board.Pause(e.now(), name, until)
		}
		e.keepCorrections()
		e.publish(e.now())
	})
}

// Forget drops the kept records of removed credentials. It returns the names without a
// record, and an error if one is still configured.
func (e *Engine) Forget(ctx context.Context, names []string) (unknown []string, err error) {
	askErr := e.ask(ctx, func() {
		for _, name := range names {
			if e.credentials[name] != nil {
				err = fmt.Errorf("credential %q is in the configuration: only what is kept of a removed one can be forgotten", name)
				return
			}
		}
		for _, name := range names {
			if !e.board.Forget(name) {
				unknown = append(unknown, name)
				continue
			}
			e.unsaved.forget(obtaining(name))
		}
	})
	if askErr != nil {
		return nil, askErr
	}
	return unknown, err
}
