package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// keeper is a ledger in memory; while fail is set, saves fail.
type keeper struct {
	mu      sync.Mutex
	records map[schedule.Key]schedule.Record
	cooled  map[string]schedule.ProviderRecord
	deleted []schedule.Key
	fail    error
	saves   int
}

func newKeeper() *keeper {
	return &keeper{records: map[schedule.Key]schedule.Record{}, cooled: map[string]schedule.ProviderRecord{}}
}

func (k *keeper) do(f func()) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.saves++
	if k.fail == nil {
		f()
	}
	return k.fail
}

func (k *keeper) Save(_ context.Context, key schedule.Key, r schedule.Record) error {
	return k.do(func() { k.records[key] = r })
}

func (k *keeper) SaveProvider(_ context.Context, name string, r schedule.ProviderRecord) error {
	return k.do(func() { k.cooled[name] = r })
}

func (k *keeper) Delete(_ context.Context, key schedule.Key) error {
	return k.do(func() { delete(k.records, key); k.deleted = append(k.deleted, key) })
}

func (k *keeper) setFail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

func (k *keeper) memory() schedule.Memory {
	k.mu.Lock()
	defer k.mu.Unlock()
	return schedule.Memory{Records: maps.Clone(k.records), Providers: maps.Clone(k.cooled)}
}

func (k *keeper) record(kind schedule.Kind, name string) schedule.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.records[schedule.Key{Kind: kind, Name: name}]
}

// witness collects outcomes.
type witness struct {
	mu     sync.Mutex
	all    []Outcome
	states []string // what was said of the state
	drift  []string // what was said of foreign values
}

func (w *witness) ObserveForeign(_ time.Time, sink, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drift = append(w.drift, sink+": "+message)
}

func (w *witness) drifts() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.drift)
}

func (w *witness) ObserveState(_ time.Time, cause string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.states = append(w.states, cause)
}

func (w *witness) Observe(o Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, o)
}

func (w *witness) of(kind TaskKind, name string) (out []Outcome) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.all {
		if o.Kind == kind && o.Name == name {
			out = append(out, o)
		}
	}
	return out
}

// backend is a provider that answers with a function and counts its calls.
type backend struct {
	mu      sync.Mutex
	calls   []credential.Request
	answer  func(ctx context.Context, n int, req credential.Request) (credential.Credential, error)
	revokes bool
	spends  bool
}

func (b *backend) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	b.mu.Lock()
	b.calls = append(b.calls, req)
	n := len(b.calls)
	b.mu.Unlock()
	return b.answer(ctx, n, req)
}

func (b *backend) Revokes() bool { return b.revokes }

func (b *backend) Spends(_ credential.Credential) bool { return b.spends }

func (b *backend) times() (out []time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.calls {
		out = append(out, c.At)
	}
	return out
}

func (b *backend) request(i int) credential.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.calls[i]
}

func (b *backend) count() int { return len(b.times()) }

// token returns the n-th answer with the given lifetime.
func token(n int, req credential.Request, life time.Duration) credential.Credential {
	return credential.Credential{
		Values:    map[string]credential.Secret{"token": credential.NewSecret(fmt.Sprintf("value-%d", n))},
		ExpiresAt: req.At.Add(life),
	}
}

// living answers every call with a new token of the given lifetime.
func living(life time.Duration) *backend {
	return &backend{answer: func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
		return token(n, req, life), nil
	}}
}

// place is a sink in memory.
type place struct {
	mu        sync.Mutex
	held      string
	writes    int
	fail      error
	refuse    error
	hang      chan struct{}
	onDeliver func()
}

func (p *place) Deliver(_ context.Context, set credential.Set) (bool, error) {
	p.mu.Lock()
	hang, hook := p.hang, p.onDeliver
	p.mu.Unlock()
	if hook != nil {
		hook()
	}
	if hang != nil {
		<-hang
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return false, p.fail
	}
	text := ""
	for _, name := range set.Names() {
		v, _ := set[name].Field("token")
		text += name + "=" + v.Reveal() + "\n"
	}
	if text == p.held {
		return false, nil
	}
	p.held = text
	p.writes++
	return true, nil
}

func (p *place) Preflight(context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refuse
}

func (p *place) set(f func(*place)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p)
}

func (p *place) holds() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}

// reload is a hook in memory.
type reload struct {
	mu   sync.Mutex
	runs int
	run  func(ctx context.Context) error
}

func (h *reload) Run(ctx context.Context, _ []string) error {
	h.mu.Lock()
	h.runs++
	run := h.run
	h.mu.Unlock()
	if run != nil {
		return run(ctx)
	}
	return nil
}

func (h *reload) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.runs
}

var testPolicy = schedule.Policy{
	RenewBefore: schedule.Margin{Share: 0.25}, MaxAge: 24 * time.Hour,
	MinInterval: 30 * time.Second, Timeout: 30 * time.Second,
}

// planOf returns a plan with one provider "p"; sinks use the credential of their name,
// or all of needs.
func planOf(backends map[string]*backend, sinks map[string]*place) *plan.Plan {
	specs := &plan.Plan{Providers: []plan.Provider{{Name: "p", Type: "fake", Concurrency: 8}}}
	for name, b := range backends {
		specs.Credentials = append(specs.Credentials, plan.Credential{
			Name: name, Provider: "p", Common: &plan.Common{Type: "fake", Policy: testPolicy, Fields: []string{"token"}}, Identity: name, Inputs: "1", Source: b,
		})
	}
	for name, s := range sinks {
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: name, Type: "fake", Path: "/" + name, Needs: []string{name}, Target: "1", Sink: s})
	}
	return specs
}

// rig is an engine under test in a bubble.
type rig struct {
	*Engine
	specs   *plan.Plan
	keeper  *keeper
	witness *witness
	stop    func()
	ended   chan struct{}
}

// startEngine runs an engine until stop is called, which waits for its end.
func startEngine(t *testing.T, e *Engine) (ctx context.Context, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); e.Run(ctx) }()
	return ctx, func() { cancel(); <-ended }
}

// launch runs an engine until the test's bubble ends it by stop.
func launch(t *testing.T, specs *plan.Plan, k *keeper) *rig {
	t.Helper()
	if k == nil {
		k = newKeeper()
	}
	w := &witness{}
	e := New(Options{Ledger: onDisk{k}, Observer: w, Seed: 7})
	e.Install(plan.Between(&plan.Plan{}, specs), k.memory())
	ctx, cancel := context.WithCancel(t.Context())
	r := &rig{e, specs, k, w, nil, make(chan struct{})}
	go func() { defer close(r.ended); e.Run(ctx) }()
	r.stop = func() { cancel(); <-r.ended }
	synctest.Wait()
	return r
}

// replace applies another plan, as a change.
func (r *rig) replace(ctx context.Context, specs *plan.Plan) error {
	change := plan.Between(r.specs, specs)
	r.specs = specs
	_, err := r.Apply(ctx, change)
	return err
}

// mustView returns the loop's current state.
func (r *rig) mustView(t *testing.T) View {
	t.Helper()
	if err := r.ask(t.Context(), func() { r.publish(r.now()) }); err != nil {
		t.Fatal(err)
	}
	return r.Select(Query{History: true})
}

// pass lets virtual time pass.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

var errDown = &credential.Fault{Reason: credential.ReasonNetwork, Message: "no connection"}
