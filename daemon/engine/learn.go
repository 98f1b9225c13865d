package engine

import (
	"context"

	"github.com/vigented/vigente/daemon/schedule"
)

// Learn takes in a record of a credential that no attempt of this engine led to:
// another machine has made it, or committed an intent. The ledger that brings it
// has stored it already. What depends on it is planned anew, sinks that show
// other values are due, and the minimum interval and the pace that it tells of
// hold. While an attempt is under way the record is kept for its end, and taken
// in where that attempt was not made, see Ledger.Begin, or brought nothing newer.
func (e *Engine) Learn(ctx context.Context, name string, record schedule.Record) error {
	return e.ask(ctx, func() {
		key := obtaining(name)
		if e.running[key] != nil {
			e.learned[key] = record
			return
		}
		e.learn(key, record)
	})
}

// LearnProvider takes in what the callers of one backend share, in the way of
// Learn: the later of two cool-downs holds.
func (e *Engine) LearnProvider(ctx context.Context, name string, record schedule.ProviderRecord) error {
	return e.ask(ctx, func() {
		e.board.LearnProvider(e.now(), name, record)
		e.shelf.dirty = true
	})
}

func (e *Engine) learn(key schedule.Key, record schedule.Record) {
	if e.board.Learn(e.now(), key, record) {
		e.unsaved.supersede(key)
		e.keepCorrections()
	}
}

// learnAfter takes in what was learned during an attempt that was not made, or
// whose end is older: one that failed while another machine renewed.
func (e *Engine) learnAfter(f *finished) {
	key := f.start.Task.Key
	record, found := e.learned[key]
	delete(e.learned, key)
	if found && (f.unmade || record.Token().IssuedAt.After(f.record.Token().IssuedAt)) {
		e.learn(key, record)
	}
}
