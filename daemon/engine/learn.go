package engine

import (
	"cmp"
	"context"

	"github.com/vigented/vigente/daemon/schedule"
)

// Learn replaces the record of a credential with one from another machine, which the
// ledger has already stored. Dependent tasks are replanned, sinks with other values
// become due, and the record's minimum interval and retries apply. If an attempt is
// running, Learn keeps the record until its end, and uses it then if no call was
// made (see Ledger.Begin) or the attempt ended with nothing newer.
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

// LearnProvider is Learn for the record of a provider. The later cool-down applies.
func (e *Engine) LearnProvider(ctx context.Context, name string, record schedule.ProviderRecord) error {
	return e.ask(ctx, func() {
		e.board.LearnProvider(e.now(), name, record)
		e.model.dirty = true
	})
}

func (e *Engine) learn(key schedule.Key, record schedule.Record) {
	if e.board.Learn(e.now(), key, record) {
		e.unsaved.supersede(key)
		e.keepCorrections()
	}
}

// learnAfter uses a record learned during an attempt if no call was made or the attempt
// ended with nothing newer, for example because it failed and another machine renewed.
func (e *Engine) learnAfter(f *finished) {
	key := f.start.Task.Key
	record, found := e.learned[key]
	delete(e.learned, key)
	if found && (f.unmade || !newer(f.record, record)) {
		e.learn(key, record)
	}
}

// newer compares records as the machines of a cluster do. A ledger may give
// the value of an attempt a higher number while it shares it.
func newer(r, than schedule.Record) bool {
	return cmp.Or(
		r.Outline().IssuedAt.Compare(than.Outline().IssuedAt),
		cmp.Compare(r.Outline().Generation, than.Outline().Generation),
		r.Past.AttemptAt.Compare(than.Past.AttemptAt),
	) > 0
}
