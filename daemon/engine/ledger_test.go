package engine

import (
	"context"
	"maps"
	"slices"

	"github.com/vigented/vigente/daemon/schedule"
)

// records stores records one by one, as the tests' disks do.
type records interface {
	Save(ctx context.Context, key schedule.Key, r schedule.Record) error
	SaveProvider(ctx context.Context, name string, r schedule.ProviderRecord) error
	Delete(ctx context.Context, key schedule.Key) error
}

// onDisk is the ledger of one machine that stores records.
type onDisk struct{ records }

// Begin implements Ledger.
func (l onDisk) Begin(ctx context.Context, key schedule.Key, intent schedule.Record) (Ticket, error) {
	return ticket{l, key}, l.Save(ctx, key, intent)
}

// Write implements Ledger.
func (l onDisk) Write(ctx context.Context, b Batch) (first error) {
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(b.Records), schedule.Key.Compare) {
		note(l.Save(ctx, key, b.Records[key]))
	}
	for _, name := range slices.Sorted(maps.Keys(b.Providers)) {
		note(l.SaveProvider(ctx, name, b.Providers[name]))
	}
	for _, key := range b.Dropped {
		note(l.Delete(ctx, key))
	}
	return first
}

type ticket struct {
	onDisk
	key schedule.Key
}

// Commit implements Ticket.
func (t ticket) Commit(ctx context.Context, r schedule.Record) error { return t.Save(ctx, t.key, r) }
