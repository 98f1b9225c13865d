package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// Begin implements engine.Ledger. A single machine grants every intent.
func (s *Store) Begin(ctx context.Context, key schedule.Key, intent schedule.Record) (engine.Ticket, error) {
	err := s.Save(ctx, key, intent)
	if err != nil {
		return ticket{s, key, ordinary}, err
	}
	return ticket{s, key, reserved}, nil
}

// ticket is an attempt on this machine.
type ticket struct {
	store *Store
	key   schedule.Key
	class int
}

// Commit implements engine.Ticket.
func (t ticket) Commit(ctx context.Context, r schedule.Record) error {
	return t.store.save(ctx, t.class, t.key, r)
}

// Write implements engine.Ledger.
func (s *Store) Write(ctx context.Context, batch engine.Batch) error {
	var payload []byte
	var errs []error
	put := func(e entry, valid bool, plain []byte, err error) {
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("save record %s: %w", e.name, err))
		case !valid:
			errs = append(errs, errNameless)
		default:
			payload = appendEntry(payload, e, plain)
		}
	}
	for key, r := range batch.Records {
		plain, err := encodeRecord(r)
		e, valid := entryOf(key)
		put(e, valid, plain, err)
	}
	for name, r := range batch.Providers {
		plain, err := encodeProvider(r)
		put(entry{providerKind, name}, name != "", plain, err)
	}
	for _, key := range batch.Dropped {
		e, valid := entryOf(key)
		put(e, valid, nil, nil)
	}
	if err := errors.Join(errs...); err != nil || len(payload) == 0 {
		return err
	}
	return s.submit(ctx, ordinary, payload)
}
