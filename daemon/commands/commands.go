// Package commands executes what an operator asks of the running engine: to renew,
// pause or forget credentials, to show or sign with one, and to log in for one.
//
// It decides who may be left out and what is a mistake of the caller; times and
// tokens remain the engine's affair.
package commands

import (
	"context"
	"time"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
)

// Executor executes commands. Its methods are safe for concurrent use.
type Executor struct {
	engine   *engine.Engine
	takeOver func(names []string) (withdraw func())
	reported func()
}

// New returns an executor. takeOver allows the next call for each of the names
// although the outcome of an earlier one is unknown, until the returned function is
// called. reported is called when a command has changed something.
func New(e *engine.Engine, takeOver func(names []string) (withdraw func()), reported func()) *Executor {
	return &Executor{e, takeOver, reported}
}

// Renew renews the named credentials and calls tell with each result. A credential
// whose backend asked for a long wait is not tried.
func (x *Executor) Renew(ctx context.Context, names []string, opt control.RenewOptions, tell func(engine.RenewResult)) error {
	told := func(end engine.RenewResult) {
		x.reported()
		tell(end)
	}
	v := x.engine.Select(engine.Query{Names: names})
	names = control.LeavePaused(v, names, told)
	if !opt.IgnoreCooldown {
		names = control.LeaveAlone(v, names, told)
	}
	if !opt.Force {
		kept, err := x.engine.KeptBack(ctx, names)
		if err != nil {
			return err
		}
		names = control.LeaveKept(kept, names, told)
	}
	if len(names) == 0 {
		return nil
	}
	if opt.TakeOver {
		defer x.takeOver(names)()
	}
	if opt.IgnoreCooldown {
		return x.engine.Hurry(ctx, names, told)
	}
	return x.engine.Renew(ctx, names, told)
}

// Pause stops attempts for the named credentials for that long, or until they are
// resumed if length is zero.
func (x *Executor) Pause(ctx context.Context, names []string, length time.Duration) (until time.Time, err error) {
	defer x.reported()
	if length > 0 {
		until = time.Now().Add(length)
	}
	return until, x.engine.Pause(ctx, names, until)
}

// Resume ends the pause of the named credentials.
func (x *Executor) Resume(ctx context.Context, names []string) error {
	defer x.reported()
	return x.engine.Resume(ctx, names)
}

// Forget drops the records of removed credentials.
func (x *Executor) Forget(ctx context.Context, names []string) (unknown []string, err error) {
	defer x.reported()
	return x.engine.Forget(ctx, names)
}
