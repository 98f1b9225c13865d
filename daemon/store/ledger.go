package store

import (
	"context"
	"errors"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// Begin implements engine.Ledger: on one machine every intent is granted.
func (s *Store) Begin(ctx context.Context, key schedule.Key, intent schedule.Record) (engine.Ticket, error) {
	return ticket{s, key}, s.Save(ctx, key, intent)
}

// ticket is an attempt of this machine.
type ticket struct {
	store *Store
	key   schedule.Key
}

// Commit implements engine.Ticket.
func (t ticket) Commit(ctx context.Context, r schedule.Record) error {
	return t.store.Save(ctx, t.key, r)
}

// Write implements engine.Ledger.
func (s *Store) Write(ctx context.Context, batch engine.Batch) error {
	writes := make(map[entry][]byte, len(batch.Records)+len(batch.Providers)+len(batch.Dropped))
	put := func(e entry, plain []byte, err error) error {
		if err == nil {
			writes[e], err = s.seal.close(e, plain)
		}
		return err
	}
	var errs []error
	for key, r := range batch.Records {
		plain, err := encodeRecord(r)
		errs = append(errs, put(entryOf(key), plain, err))
	}
	for name, r := range batch.Providers {
		plain, err := encodeProvider(r)
		errs = append(errs, put(entry{providerBucket, name}, plain, err))
	}
	for _, key := range batch.Dropped {
		writes[entryOf(key)] = nil
	}
	return errors.Join(errors.Join(errs...), s.submitAll(ctx, writes))
}
