package engine

import (
	"context"
	"errors"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// Adopt adds an answer that a person obtained by logging in. It is durable when
// Adopt returns, is delivered like any other, and triggers no renewal.
func (e *Engine) Adopt(ctx context.Context, name string, got credential.Credential) error {
	return e.replace(ctx, name, func(s *schedule.Start, at time.Time) (finished, error) {
		if f := schedule.Vet(got, at); f != nil {
			return finished{}, f
		}
		res := schedule.Result{At: at, End: at, Called: true, Token: got}
		return finished{start: s, result: res, record: schedule.Advance(s.Task, s.Record, res, e.opt.Seed)}, nil
	})
}

// Plant replaces the seed of a credential with one that a person provided. It makes
// no call; the next renewal shows whether the seed works.
func (e *Engine) Plant(ctx context.Context, name string, seed map[string]credential.Secret) error {
	return e.replace(ctx, name, func(s *schedule.Start, at time.Time) (finished, error) {
		res := schedule.Result{At: at, End: at}
		return finished{start: s, result: res, record: schedule.Plant(s.Task, s.Record, seed), quiet: true}, nil
	})
}

// errRemoved means that the credential is no longer in the configuration.
var errRemoved = errors.New("it was removed from the configuration")

// replace replaces the record of a credential with the result of change, while no
// attempt for it is running, and stores it before it becomes visible.
func (e *Engine) replace(ctx context.Context, name string, change func(*schedule.Start, time.Time) (finished, error)) error {
	start, after, at, err := e.seize(ctx, obtaining(name))
	if err != nil {
		return err
	}
	if after != nil {
		<-after
	}
	f, err := change(&start, at)
	if err == nil && e.opt.Ledger != nil {
		f.saveError = e.keepNow(ctx, start.Task.Key, start.Record, f.record)
		if f.quiet { // nothing was spent: the person can repeat it
			err = f.saveError
		}
	}
	if err != nil {
		f = finished{start: &start, unmade: true, owed: true}
	}
	folded := e.ask(context.WithoutCancel(ctx), func() {
		e.fold(&f)
		if f.quiet {
			e.unsaved.durable(start.Task.Key)
		}
	})
	return errors.Join(err, folded)
}

// KeptBack returns the credentials whose refresh token is kept back after a lost
// answer, and until when.
func (e *Engine) KeptBack(ctx context.Context, names []string) (until map[string]time.Time, err error) {
	until = map[string]time.Time{}
	err = e.ask(ctx, func() {
		now := e.now()
		for _, name := range names {
			if at, kept := e.board.KeptBack(now, obtaining(name)); kept {
				until[name] = at
			}
		}
	})
	return until, err
}

// seize takes a task from the board, as soon as it is not running.
func (e *Engine) seize(ctx context.Context, key schedule.Key) (start schedule.Start, after <-chan struct{}, at time.Time, err error) {
	for {
		taken, known := false, true
		err = e.ask(ctx, func() {
			at = e.now()
			if known = e.credentials[key.Name] != nil; !known {
				return
			}
			if start, taken = e.board.Take(at, key); taken {
				e.running[key] = &attempt{at: at, begun: e.read().awake, limit: limitOf(start.Task), stage: &stage{}}
				after = e.unsaved.underWay(key)
			}
		})
		switch {
		case err != nil:
			return start, nil, at, err
		case !known:
			return start, nil, at, errRemoved
		case taken:
			return start, after, at, nil
		}
		e.pause(ctx, seizeAgain)
		if ctx.Err() != nil {
			return start, nil, at, context.Cause(ctx)
		}
	}
}

// seizeAgain is the wait between tries to seize a running task.
const seizeAgain = 50 * time.Millisecond

// keepNow stores a record durably.
func (e *Engine) keepNow(ctx context.Context, key schedule.Key, intent, rec schedule.Record) error {
	ctx, cancel := e.within(context.WithoutCancel(ctx), durableDeadline)
	defer cancel()
	for {
		ticket, err := e.opt.Ledger.Begin(ctx, key, intent)
		if ticket != nil {
			return ticket.Commit(ctx, rec)
		}
		hold := heldBy(err, e.reads.wall())
		if err == nil || hold.Final || ctx.Err() != nil {
			return errors.Join(errors.New("save the login: refused"), err)
		}
		e.pause(ctx, hold.Until.Sub(e.reads.wall()))
	}
}
