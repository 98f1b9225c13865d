// Package enginetest runs an engine over records in memory, for tests of providers
// over days and restarts.
package enginetest

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// Ledger is an engine.Ledger that keeps records in memory. It is safe for concurrent
// use.
type Ledger struct {
	mu        sync.Mutex
	records   map[schedule.Key]schedule.Record
	providers map[string]schedule.ProviderRecord
}

// NewLedger returns a ledger without a record.
func NewLedger() *Ledger {
	return &Ledger{records: map[schedule.Key]schedule.Record{}, providers: map[string]schedule.ProviderRecord{}}
}

// Begin implements engine.Ledger.
func (l *Ledger) Begin(_ context.Context, key schedule.Key, r schedule.Record) (engine.Ticket, error) {
	l.save(key, r)
	return ticket{l, key}, nil
}

func (l *Ledger) save(key schedule.Key, r schedule.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records[key] = r
}

// Write implements engine.Ledger.
func (l *Ledger) Write(_ context.Context, b engine.Batch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.Copy(l.records, b.Records)
	maps.Copy(l.providers, b.Providers)
	for _, key := range b.Dropped {
		delete(l.records, key)
	}
	return nil
}

type ticket struct {
	l   *Ledger
	key schedule.Key
}

// Commit implements engine.Ticket.
func (t ticket) Commit(_ context.Context, r schedule.Record) error {
	t.l.save(t.key, r)
	return nil
}

// Copy returns what a daemon that is killed now leaves behind.
func (l *Ledger) Copy() *Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Ledger{records: maps.Clone(l.records), providers: maps.Clone(l.providers)}
}

// Record returns the record of a credential.
func (l *Ledger) Record(name string) schedule.Record {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.records[schedule.Key{Kind: schedule.Obtaining, Name: name}]
}

// Deaf ignores all outcomes.
type Deaf struct{}

// Observe implements engine.Observer.
func (Deaf) Observe(engine.Outcome) {}

// Policy returns the timing that a configuration without timing keys has.
func Policy() schedule.Policy {
	return schedule.Policy{
		RenewBefore: schedule.Margin{Share: 0.25}, MaxAge: 24 * time.Hour, Jitter: schedule.Margin{Share: 0.05},
		MinInterval: 30 * time.Second, Timeout: 30 * time.Second,
	}
}

// Run starts an engine with a plan over the records of the ledger. It runs until stop
// is called.
func Run(t testing.TB, l *Ledger, o engine.Observer, specs *plan.Plan) (e *engine.Engine, stop func()) {
	t.Helper()
	e = engine.New(engine.Options{Ledger: l, Observer: o, Seed: 7})
	known := l.Copy()
	e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{Records: known.records, Providers: known.providers})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); e.Run(ctx) }()
	return e, func() { cancel(); <-ended }
}
