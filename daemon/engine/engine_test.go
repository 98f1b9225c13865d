package engine

import (
	"context"
	"errors"
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

func (b *backend) Revokes() bool                       { return b.revokes }
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
			Name: name, Provider: "p", Type: "fake", Policy: testPolicy, Identity: name, Inputs: "1", Fields: []string{"token"}, Source: b,
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

func TestRenewsAheadOfExpiryAndDeliversForTwoDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := living(time.Hour), &place{}
		r := launch(t, planOf(map[string]*backend{"a": b}, map[string]*place{"a": s}), nil)
		defer r.stop()
		for range 48 * 60 {
			pass(time.Minute)
			v := r.mustView(t)
			if c := v.Credentials[0]; c.State != Valid {
				t.Fatalf("state %s at %s", c.State, v.At)
			}
			if v.Sinks[0].State != Delivered {
				t.Fatalf("sink %s at %s", v.Sinks[0].State, v.At)
			}
		}
		// 45 minutes apart: 48 h give 64 renewals after the first.
		if n := b.count(); n < 64 || n > 66 {
			t.Errorf("%d calls in two days, want about 65", n)
		}
		if want := fmt.Sprintf("a=value-%d\n", b.count()); s.holds() != want {
			t.Errorf("sink holds %q, want %q", s.holds(), want)
		}
	})
}

func TestOutageIsOutlivedAndRecoveredFromWithinOneBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down time.Time
		b := living(time.Hour)
		good := b.answer
		b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			if !down.IsZero() && req.At.After(down) && req.At.Before(down.Add(6*time.Hour)) {
				return credential.Credential{}, errDown
			}
			return good(ctx, n, req)
		}
		r := launch(t, planOf(map[string]*backend{"a": b}, nil), nil)
		defer r.stop()
		down = time.Now()
		pass(44 * time.Minute)
		if c := r.mustView(t).Credentials[0]; c.State != Valid || c.Failures != 0 {
			t.Fatalf("before the margin: %+v", c)
		}
		pass(10 * time.Minute)
		c := r.mustView(t).Credentials[0]
		if c.State != Failing || c.Failures < 4 || c.LastError == nil || c.LastError.Reason != credential.ReasonNetwork {
			t.Fatalf("in the margin: %s, %d failures, %+v", c.State, c.Failures, c.LastError)
		}
		pass(10 * time.Minute)
		if c := r.mustView(t).Credentials[0]; c.State != Expired || c.NextAttemptAt.IsZero() {
			t.Fatalf("after expiry: %s, next %s", c.State, c.NextAttemptAt)
		}
		times := b.times()
		for i := 1; i < len(times); i++ {
			if d := times[i].Sub(times[i-1]); d < testPolicy.MinInterval {
				t.Fatalf("calls %d and %d are %s apart", i, i+1, d)
			}
		}
		pass(5*time.Hour + 1*time.Minute) // the outage ended a minute or more ago
		pass(5 * time.Minute)
		if c := r.mustView(t).Credentials[0]; c.State != Valid || c.Failures != 0 || c.LastError != nil {
			t.Fatalf("after recovery: %s, %d failures, %+v", c.State, c.Failures, c.LastError)
		}
		outcomes := r.witness.of(Obtain, "a")
		recovered := 0
		for _, o := range outcomes {
			recovered += min(o.Recovered, 1)
		}
		if recovered != 1 {
			t.Errorf("recovery told %d times, want once", recovered)
		}
	})
}

func TestThrottlingIsSharedAndKeptOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := living(time.Hour), living(time.Hour)
		throttle := func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonThrottled, RetryAfter: req.At.Add(20 * time.Minute)}
		}
		a.answer = throttle
		specs := planOf(map[string]*backend{"a": a, "b": b}, nil)
		specs.Providers[0].Concurrency = 1
		k := newKeeper()
		start := time.Now()
		r := launch(t, specs, k)
		pass(time.Minute)
		if v := r.mustView(t); !v.Providers[0].CooldownUntil.Equal(start.Add(20 * time.Minute)) {
			t.Fatalf("cool-down until %s, want 20 minutes after %s", v.Providers[0].CooldownUntil, start)
		}
		before := b.count() // b may have been first in the queue
		r.stop()
		r = launch(t, specs, k)
		defer r.stop()
		pass(18 * time.Minute)
		if a.count() != 1 || b.count() != before {
			t.Fatalf("%d and %d calls during the cool-down, want 1 and %d", a.count(), b.count(), before)
		}
		a.mu.Lock()
		a.answer = living(time.Hour).answer
		a.mu.Unlock()
		pass(2 * time.Minute)
		if a.count() != 2 {
			t.Errorf("%d calls after the cool-down, want 2", a.count())
		}
	})
}

func TestHangingSinkHoldsNobodyBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		specs := planOf(map[string]*backend{"a": b}, nil)
		hang := make(chan struct{})
		var stuck []*place
		for i := range 200 {
			p := &place{hang: hang}
			stuck = append(stuck, p)
			specs.Sinks = append(specs.Sinks, plan.Sink{Name: fmt.Sprintf("stuck-%03d", i), Needs: []string{"a"}, Target: "1", Sink: p})
		}
		good := &place{}
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: "z-good", Needs: []string{"a"}, Target: "1", Sink: good})
		r := launch(t, specs, nil)
		pass(2 * time.Minute)
		if good.holds() != "a=value-1\n" {
			t.Fatalf("the good sink holds %q beside hanging ones", good.holds())
		}
		pass(46 * time.Minute)
		if good.holds() != "a=value-2\n" {
			t.Fatalf("the good sink holds %q after a renewal beside hanging ones", good.holds())
		}
		for _, s := range r.mustView(t).Sinks {
			if s.Name != "z-good" && (s.State != Failing || s.LastError.Reason != credential.ReasonTimeout) {
				t.Fatalf("hanging sink %s is shown %s %+v", s.Name, s.State, s.LastError)
			}
		}
		close(hang)
		pass(time.Minute)
		for i, p := range stuck {
			if p.holds() != "a=value-2\n" {
				t.Fatalf("sink %d holds %q after it woke, want the newest value", i, p.holds())
			}
		}
		r.stop()
	})
}

// Sinks of one device wait for each other, but not for those of another.
func TestSinksOfADeviceShareABound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		specs, hang := planOf(map[string]*backend{"a": living(time.Hour)}, nil), make(chan struct{})
		for i := range 20 {
			specs.Sinks = append(specs.Sinks, plan.Sink{Name: fmt.Sprintf("stuck-%02d", i), Device: "0:50", Needs: []string{"a"}, Target: "1", Sink: &place{hang: hang}})
		}
		good := &place{}
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: "z-good", Device: "8:1", Needs: []string{"a"}, Target: "1", Sink: good})
		r := launch(t, specs, nil)
		pass(time.Second)
		if good.holds() != "a=value-1\n" {
			t.Errorf("the good sink holds %q beside another device", good.holds())
		}
		if got := len(r.running); got != sinksOnADevice {
			t.Errorf("%d deliveries under way on the device, want %d", got, sinksOnADevice)
		}
		close(hang)
		r.stop()
	})
}

func TestPanicsAreContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, good := living(time.Hour), living(time.Hour)
		bad.answer = func(context.Context, int, credential.Request) (credential.Credential, error) {
			panic("canary-in-a-panic")
		}
		r := launch(t, planOf(map[string]*backend{"bad": bad, "good": good}, map[string]*place{"good": {}}), nil)
		defer r.stop()
		pass(10 * time.Minute)
		v := r.mustView(t)
		if v.Credentials[0].State != Pending || v.Credentials[0].LastError.Reason != credential.ReasonInternal {
			t.Errorf("the panicking one: %+v", v.Credentials[0])
		}
		if v.Credentials[1].State != Valid || v.Sinks[0].State != Delivered {
			t.Errorf("the other one: %s, sink %s", v.Credentials[1].State, v.Sinks[0].State)
		}
		outcomes := r.witness.of(Obtain, "bad")
		if len(outcomes) < 3 || len(outcomes) > 6 {
			t.Errorf("%d attempts in 10 minutes, want a backoff", len(outcomes))
		}
		for _, o := range outcomes {
			if !o.Panicked || o.Stack == "" {
				t.Errorf("outcome does not tell of the panic: %+v", o)
			}
			if text := fmt.Sprintf("%+v %s", o, o.Fault.Error()); containsCanary(text) {
				t.Error("the outcome shows the value of the panic")
			}
		}
	})
}

func containsCanary(text string) bool {
	for i := range len(text) - len("canary") + 1 {
		if text[i:i+len("canary")] == "canary" {
			return true
		}
	}
	return false
}

func TestReplacingThePlanDisturbsNothingThatDidNotChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		slow := living(time.Hour)
		slow.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			select {
			case <-release:
				return token(n, req, time.Hour), nil
			case <-ctx.Done():
				return credential.Credential{}, ctx.Err()
			}
		}
		kept, gone := living(time.Hour), living(time.Hour)
		r := launch(t, planOf(map[string]*backend{"slow": slow, "kept": kept, "gone": gone}, map[string]*place{"kept": {}, "gone": {}}), nil)
		defer r.stop()
		pass(time.Second)
		added := living(time.Hour)
		next := planOf(map[string]*backend{"slow": slow, "kept": kept, "added": added}, map[string]*place{"kept": {}, "slow": {}})
		if err := r.replace(t.Context(), next); err != nil {
			t.Fatal(err)
		}
		close(release)
		pass(time.Second)
		if slow.count() != 1 || kept.count() != 1 || added.count() != 1 {
			t.Errorf("calls: slow %d, kept %d, added %d; want 1 each", slow.count(), kept.count(), added.count())
		}
		for _, c := range r.mustView(t).Credentials {
			if c.State != Valid {
				t.Errorf("%s is %s after the reload", c.Name, c.State)
			}
		}
		stored := func() bool {
			_, found := r.keeper.memory().Records[schedule.Key{Kind: schedule.Obtaining, Name: "gone"}]
			return found
		}
		if pass(58 * time.Minute); !stored() {
			t.Error("the record of a removed credential is not kept for an hour")
		}
		if pass(3 * time.Minute); stored() {
			t.Error("the record of a removed credential is stored after an hour")
		}
	})
}

func TestRemovalWhileInFlightKeepsTheAnswerForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		slow := living(time.Hour)
		slow.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			<-release
			return token(n, req, time.Hour), nil
		}
		r := launch(t, planOf(map[string]*backend{"slow": slow}, nil), nil)
		defer r.stop()
		if err := r.replace(t.Context(), planOf(nil, nil)); err != nil {
			t.Fatal(err)
		}
		close(release)
		pass(time.Second)
		if n := len(r.keeper.memory().Records); n != 1 {
			t.Errorf("%d records stored after removal, want the answer's", n)
		}
		pass(time.Hour)
		if n := len(r.keeper.memory().Records); n != 0 {
			t.Errorf("%d records stored an hour after removal, want none", n)
		}
	})
}

func TestShutdownLetsACallFinishAndCutsAHangingOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		quick, stuck := living(time.Hour), living(time.Hour)
		quick.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			<-time.After(2 * time.Second)
			return token(n, req, time.Hour), nil
		}
		stuck.answer = func(ctx context.Context, _ int, _ credential.Request) (credential.Credential, error) {
			<-ctx.Done()
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonCancelled, Lost: true, Err: ctx.Err()}
		}
		sink := &place{}
		r := launch(t, planOf(map[string]*backend{"quick": quick, "stuck": stuck}, map[string]*place{"quick": sink}), nil)
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took > 5*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if sink.holds() != "quick=value-1\n" {
			t.Errorf("the token that arrived during the stop was not delivered: %q", sink.holds())
		}
		if rec := r.keeper.record(schedule.Obtaining, "stuck"); !rec.Past.Open {
			t.Error("the cut call is not remembered as open")
		}
	})
}

func TestSuspendIsSeenWithinAMinuteAndCostsOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var offset time.Duration
		b := living(time.Hour)
		k, w := newKeeper(), &witness{}
		e := New(Options{Ledger: onDisk{k}, Observer: w})
		e.clock = func() time.Time { mu.Lock(); defer mu.Unlock(); return wall().Add(offset) }
		e.slept = func() time.Duration { mu.Lock(); defer mu.Unlock(); return offset }
		began := wall()
		e.steady = func() time.Duration { return wall().Sub(began) }
		e.Install(plan.Between(&plan.Plan{}, planOf(map[string]*backend{"a": b}, nil)), schedule.Memory{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); e.Run(ctx) }()
		pass(10 * time.Minute)
		mu.Lock()
		offset = 8 * time.Hour
		mu.Unlock()
		pass(61 * time.Second)
		if n := b.count(); n != 2 {
			t.Errorf("%d calls a minute after an eight-hour suspend, want 2", n)
		}
		cancel()
		<-ended
	})
}

func TestPreflightKeepsALiveTokenFromBeingKilled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := living(time.Hour), &place{}
		b.revokes = true
		s.refuse = errors.New("read-only")
		r := launch(t, planOf(map[string]*backend{"a": b}, map[string]*place{"a": s}), nil)
		defer r.stop()
		pass(2 * time.Minute)
		v := r.mustView(t)
		if b.count() != 0 {
			t.Fatalf("%d calls though the sink cannot take the value", b.count())
		}
		if v.Credentials[0].LastError.Reason != credential.ReasonInternal || v.Sinks[0].State != Failing {
			t.Errorf("shown as %+v and %s", v.Credentials[0].LastError, v.Sinks[0].State)
		}
		attempts := len(r.witness.of(Obtain, "a"))
		if attempts < 6 || attempts > 10 {
			t.Errorf("%d preflights in two minutes, want 1 s doubling to 30 s", attempts)
		}
		s.set(func(p *place) { p.refuse = nil })
		pass(31 * time.Second)
		v = r.mustView(t)
		if b.count() != 1 || v.Sinks[0].State != Delivered || v.Credentials[0].State != Valid {
			t.Errorf("after the fix: %d calls, sink %s, credential %s", b.count(), v.Sinks[0].State, v.Credentials[0].State)
		}
	})
}

func TestFailedDeliveryIsRetriedAloneWithTheStoredToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, bad, good := living(time.Hour), &place{fail: errors.New("full")}, &place{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": bad})
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: "other", Needs: []string{"a"}, Target: "1", Sink: good})
		r := launch(t, specs, nil)
		defer r.stop()
		pass(20 * time.Minute)
		if b.count() != 1 || good.holds() != "a=value-1\n" {
			t.Fatalf("%d calls, other sink holds %q", b.count(), good.holds())
		}
		if n := len(r.witness.of(Deliver, "a")); n < 40 || n > 46 {
			t.Errorf("%d tries in 20 minutes, want 1 s doubling to 30 s", n)
		}
		bad.set(func(p *place) { p.fail = nil })
		pass(30 * time.Second)
		if bad.holds() != "a=value-1\n" || b.count() != 1 {
			t.Errorf("after the fix: the sink holds %q after %d calls", bad.holds(), b.count())
		}
	})
}

func TestStateThatCannotBeSavedStopsSpendingButNotDelivering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain, spender := living(time.Hour), living(time.Hour)
		spender.spends = true
		s := &place{}
		k := newKeeper()
		k.setFail(errors.New("no space"))
		r := launch(t, planOf(map[string]*backend{"plain": plain, "spender": spender}, map[string]*place{"plain": s}), k)
		pass(5 * time.Minute)
		v := r.mustView(t)
		if s.holds() != "plain=value-1\n" || plain.count() != 1 {
			t.Errorf("the sink holds %q after %d calls", s.holds(), plain.count())
		}
		if spender.count() != 0 {
			t.Errorf("%d seeds spent that could not be remembered", spender.count())
		}
		if v.StateError == "" {
			t.Error("StateError is empty, want the failed save")
		}
		k.setFail(nil)
		pass(time.Minute)
		v = r.mustView(t)
		if v.StateError != "" || spender.count() != 1 {
			t.Errorf("after the fix: StateError %q, %d calls", v.StateError, spender.count())
		}
		r.witness.mu.Lock()
		if n := len(r.witness.states); n < 2 || r.witness.states[n-1] != "" || slices.Contains(r.witness.states[:n-1], "") || r.witness.states[0] != "no space" {
			t.Errorf("the observer heard of the state: %q", r.witness.states)
		}
		r.witness.mu.Unlock()
		if got := k.record(schedule.Obtaining, "plain").Token().Values["token"]; got.Reveal() != "value-1" {
			t.Error("the token obtained meanwhile is not durable")
		}
		r.stop()
	})
}

func TestRestartDeliversWhatIsOwedWithoutACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, h := living(time.Hour), &place{fail: errors.New("away")}, &reload{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Hook = h
		k := newKeeper()
		r := launch(t, specs, k)
		pass(time.Second)
		r.stop()
		s.set(func(p *place) { p.fail = nil })
		r = launch(t, specs, k)
		defer r.stop()
		pass(30 * time.Second)
		if b.count() != 1 || s.holds() != "a=value-1\n" || h.count() != 1 {
			t.Errorf("%d calls, sink %q, hook ran %d times; want 1, the value, 1", b.count(), s.holds(), h.count())
		}
	})
}

func TestHookIsOwedAcrossACrashBetweenWriteAndRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, h := living(time.Hour), &place{}, &reload{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Hook = h
		k := newKeeper()
		// The machine dies right after the write: nothing more is saved.
		s.onDeliver = func() { k.setFail(errors.New("dead")) }
		r := launch(t, specs, k)
		h.mu.Lock()
		h.run = func(context.Context) error { return errors.New("never got that far") }
		h.mu.Unlock()
		r.stop()
		s.set(func(p *place) { p.onDeliver = nil })
		k.setFail(nil)
		h = &reload{}
		specs.Sinks[0].Hook = h
		writes := s.writes
		r = launch(t, specs, k)
		defer r.stop()
		pass(time.Minute)
		if s.writes != writes {
			t.Error("equal bytes were written again")
		}
		if h.count() != 1 {
			t.Errorf("the owed hook ran %d times, want once", h.count())
		}
	})
}

func TestHookIsOwedAfterAPanicBehindTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, h := living(time.Hour), &place{}, &reload{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Sink, specs.Sinks[0].Hook = &breaking{place: s}, h
		r := launch(t, specs, nil)
		defer r.stop()
		pass(time.Minute)
		if s.writes != 1 || r.mustView(t).Sinks[0].State != Delivered {
			t.Errorf("%d writes, the sink is %s", s.writes, r.mustView(t).Sinks[0].State)
		}
		if h.count() != 1 {
			t.Errorf("the hook ran %d times, want once: the sink had changed before the panic", h.count())
		}
	})
}

// breaking is a place whose first delivery panics after the write.
type breaking struct {
	*place
	broken bool
}

func (b *breaking) Deliver(ctx context.Context, set credential.Set) (bool, error) {
	changed, err := b.place.Deliver(ctx, set)
	if !b.broken {
		b.broken = true
		panic("after the write")
	}
	return changed, err
}

func TestFailingHookDoesNotMakeTheSinkUndelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := living(time.Hour), &place{}
		fails := 3
		h := &reload{}
		h.run = func(context.Context) error {
			if fails--; fails >= 0 {
				return errors.New("exit 1")
			}
			return nil
		}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Hook = h
		r := launch(t, specs, nil)
		defer r.stop()
		pass(time.Second / 2)
		if v := r.mustView(t).Sinks[0]; v.State != Delivered || v.HookError == nil || !v.HookOwed {
			t.Errorf("while the hook fails: %+v", v)
		}
		pass(20 * time.Minute)
		if v := r.mustView(t).Sinks[0]; v.HookError != nil || v.HookOwed || h.count() != 4 {
			t.Errorf("after it healed: %+v, %d runs", v, h.count())
		}
	})
}

func TestCrashDuringACallIsToldToTheNextOneAfterTheFloor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		k := newKeeper()
		key := schedule.Key{Kind: schedule.Obtaining, Name: "a"}
		crashed := time.Now()
		k.records[key] = schedule.Begin(schedule.Record{Part: schedule.Token{Inputs: "1", Identity: "a"}}, crashed)
		r := launch(t, planOf(map[string]*backend{"a": b}, nil), k)
		defer r.stop()
		pass(29 * time.Second)
		if b.count() != 0 {
			t.Fatal("called again within the minimum interval of a call that a crash interrupted")
		}
		pass(2 * time.Second)
		if b.count() != 1 || !b.request(0).Lost {
			t.Errorf("%d calls; told of the lost answer: %v", b.count(), b.count() > 0 && b.request(0).Lost)
		}
		pass(time.Hour)
		if b.count() < 2 || b.request(1).Lost {
			t.Error("the answer that arrived is still told as lost")
		}
	})
}

func TestRejectedParksUntilAnInputChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		good := b.answer
		b.answer = func(context.Context, int, credential.Request) (credential.Credential, error) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonRejected, Message: "wrong password"}
		}
		specs := planOf(map[string]*backend{"a": b}, nil)
		k := newKeeper()
		r := launch(t, specs, k)
		pass(24 * time.Hour)
		r.stop()
		r = launch(t, specs, k)
		defer r.stop()
		pass(24 * time.Hour)
		if v := r.mustView(t).Credentials[0]; b.count() != 1 || v.State != Parked || !v.NextAttemptAt.IsZero() {
			t.Fatalf("%d calls with a refused secret over a restart, state %s, next %s", b.count(), v.State, v.NextAttemptAt)
		}
		b.mu.Lock()
		b.answer = good
		b.mu.Unlock()
		changed := planOf(map[string]*backend{"a": b}, nil)
		changed.Credentials[0].Inputs = "2"
		if err := r.replace(t.Context(), changed); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		if v := r.mustView(t).Credentials[0]; v.State != Valid || b.count() != 2 {
			t.Errorf("after the secret changed: %s after %d calls", v.State, b.count())
		}
	})
}

func TestSinkOfSeveralCredentialsGetsOneConsistentSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, s := living(time.Hour), living(time.Hour), &place{}
		b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			if n == 1 {
				return credential.Credential{}, errDown
			}
			return token(n, req, time.Hour), nil
		}
		specs := planOf(map[string]*backend{"a": a, "b": b}, nil)
		specs.Sinks = []plan.Sink{{Name: "both", Needs: []string{"a", "b"}, Target: "1", Sink: s}}
		r := launch(t, specs, nil)
		defer r.stop()
		pass(10 * time.Second)
		if s.writes != 0 || r.mustView(t).Sinks[0].State != Pending {
			t.Fatal("written before every credential had a value")
		}
		pass(30 * time.Second)
		if s.holds() != "a=value-1\nb=value-2\n" {
			t.Errorf("holds %q", s.holds())
		}
	})
}

func TestRunOnceTriesEachDueThingOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		good, bad, s, broken := living(time.Hour), living(time.Hour), &place{}, &place{fail: errors.New("full")}
		bad.answer = func(context.Context, int, credential.Request) (credential.Credential, error) {
			return credential.Credential{}, errDown
		}
		specs := planOf(map[string]*backend{"good": good, "bad": bad}, map[string]*place{"good": s})
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: "broken", Needs: []string{"good"}, Target: "1", Sink: broken})
		w := &witness{}
		e := New(Options{Ledger: onDisk{newKeeper()}, Observer: w})
		e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
		begun := time.Now()
		e.RunOnce(t.Context())
		if took := time.Since(begun); took > 0 {
			t.Errorf("took %s of virtual time, want none", took)
		}
		if good.count() != 1 || bad.count() != 1 || s.holds() != "good=value-1\n" || len(w.of(Deliver, "broken")) != 1 {
			t.Errorf("calls %d and %d, sink %q, broken tried %d times", good.count(), bad.count(), s.holds(), len(w.of(Deliver, "broken")))
		}
	})
}

func TestRenewWaitsForTheFloorAndForDelivery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := living(time.Hour), &place{}
		r := launch(t, planOf(map[string]*backend{"a": b}, map[string]*place{"a": s}), nil)
		defer r.stop()
		begun := time.Now()
		var ends []RenewResult
		if err := r.Renew(t.Context(), []string{"a"}, func(e RenewResult) { ends = append(ends, e) }); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < 30*time.Second || took > 31*time.Second {
			t.Errorf("took %s, want the minimum interval", took)
		}
		if len(ends) != 1 || !ends[0].Good() || ends[0].Generation != 2 || s.holds() != "a=value-2\n" {
			t.Errorf("ends %+v, sink %q", ends, s.holds())
		}
		s.set(func(p *place) { p.fail = errors.New("full") })
		ends = nil
		if err := r.Renew(t.Context(), []string{"a"}, func(e RenewResult) { ends = append(ends, e) }); err != nil {
			t.Fatal(err)
		}
		if len(ends) != 1 || ends[0].Good() || ends[0].Sink != "a" {
			t.Errorf("a failed delivery is told as %+v", ends)
		}
	})
}

func TestDependentWaitsForItsInputAndRenewsAStaleOneOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pair, child := living(time.Hour), living(12*time.Hour)
		child.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			v, _ := req.Inputs["pair"].Field("token")
			if v.Reveal() == "value-1" {
				return credential.Credential{}, &credential.Fault{Reason: credential.ReasonServer, Message: "401", StaleInput: "pair"}
			}
			return token(n, req, 12*time.Hour), nil
		}
		specs := planOf(map[string]*backend{"pair": pair, "child": child}, nil)
		for i := range specs.Credentials {
			if specs.Credentials[i].Name == "child" {
				specs.Credentials[i].Needs = []string{"pair"}
			}
		}
		r := launch(t, specs, nil)
		defer r.stop()
		pass(10 * time.Minute)
		if pair.count() != 2 || child.count() != 2 {
			t.Errorf("pair called %d times, child %d times; want 2 and 2", pair.count(), child.count())
		}
		if v := r.mustView(t); v.Credentials[0].State != Valid {
			t.Errorf("child is %s", v.Credentials[0].State)
		}
	})
}

// TestServerThatHandsOutTheLivingTokenCostsASecond simulates a server that returns the
// same token with its remaining lifetime in whole seconds until it expires. The gap
// between two tokens must be seconds, not a minimum interval.
func TestServerThatHandsOutTheLivingTokenCostsASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const life = time.Hour
		begun := time.Now().Add(-17*time.Minute - 700*time.Millisecond)
		b := living(0)
		b.answer = func(_ context.Context, _ int, req credential.Request) (credential.Credential, error) {
			age := req.At.Sub(begun)
			c := token(int(age/life), req, (life - age%life).Truncate(time.Second))
			return c, nil
		}
		r := launch(t, planOf(map[string]*backend{"a": b}, nil), nil)
		defer r.stop()
		var gap time.Duration
		for range 24 * 60 * 60 {
			pass(time.Second)
			if r.mustView(t).Credentials[0].State != Valid {
				gap += time.Second
			}
		}
		if gap > 24*3*time.Second {
			t.Errorf("out of force for %s in a day of 24 tokens", gap)
		}
		if n := b.count(); n > 24*8 {
			t.Errorf("%d calls in a day", n)
		}
	})
}

func TestHookThatIsAddedWaitsForTheNextChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s, h := living(time.Hour), &place{}, &reload{}
		r := launch(t, planOf(map[string]*backend{"a": b}, map[string]*place{"a": s}), nil)
		defer r.stop()
		pass(time.Minute)
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": s})
		specs.Sinks[0].Hook, specs.Sinks[0].Target = h, "with a hook"
		if err := r.replace(t.Context(), specs); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		if h.count() != 0 {
			t.Errorf("the hook ran %d times though nothing changed", h.count())
		}
		pass(50 * time.Minute)
		if h.count() != 1 {
			t.Errorf("the hook ran %d times after one change", h.count())
		}
	})
}

// Many failing saves do not delay the next retry.
func TestUnsavedCrowdWaitsNoLongerThanOne(t *testing.T) {
	var u unsaved
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for i := range 1000 {
		u.keep(schedule.Key{Name: fmt.Sprint(i)}, schedule.Record{}, now, errors.New("no space"))
	}
	if got := u.retryAt.Sub(now); got != firstSaveRetry || u.failures != 1 {
		t.Errorf("after %d failures the next try comes after %s, want %s", u.failures, got, firstSaveRetry)
	}
	now = u.retryAt
	u.keep(schedule.Key{Name: "0"}, schedule.Record{}, now, errors.New("no space"))
	if got := u.retryAt.Sub(now); got != 2*firstSaveRetry {
		t.Errorf("the second wait is %s, want %s", got, 2*firstSaveRetry)
	}
	u.durable(schedule.Key{Name: "0"})
	if now.Before(u.retryAt) || u.failing == "" {
		t.Errorf("saving works again, and the others wait until %s", u.retryAt)
	}
}
