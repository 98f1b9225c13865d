package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// elsewhere returns a record made by another machine.
func elsewhere(value string, generation uint64, at time.Time) schedule.Record {
	return schedule.Record{
		Past: schedule.Past{AttemptAt: at},
		Part: schedule.Token{Revision: 10, ObtainedAt: at, Identity: "id", Inputs: "in", Credential: credential.Credential{
			Generation: generation, IssuedAt: at, ExpiresAt: at.Add(time.Hour),
			Values: map[string]credential.Secret{"token": credential.NewSecret(value)},
		}},
	}
}

// TestALearnedRecordIsDelivered: values from another machine are delivered here without
// a call, and determine the next renewal.
func TestALearnedRecordIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := living(time.Hour), &place{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": p})
		specs.Credentials[0].Identity, specs.Credentials[0].Inputs = "id", "in"
		r := launch(t, specs, nil)
		defer r.stop()
		pass(30 * time.Minute)
		if err := r.Learn(t.Context(), "a", elsewhere("theirs", 7, wall())); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		v := r.mustView(t)
		if v.Credentials[0].Generation != 7 || v.Sinks[0].Delivered["a"] != 7 || v.Sinks[0].State != Delivered {
			t.Errorf("got generation %d, delivered %v, want 7 in both", v.Credentials[0].Generation, v.Sinks[0].Delivered)
		}
		if b.count() != 1 {
			t.Errorf("got %d calls, want the first one alone", b.count())
		}
		pass(40 * time.Minute) // its own would have been renewed at three quarters of an hour
		if b.count() != 1 {
			t.Errorf("got %d calls, want none before the learned life asks for it", b.count())
		}
		pass(10 * time.Minute)
		if b.count() != 2 {
			t.Errorf("got %d calls, want one for the learned life", b.count())
		}
	})
}

// guardedLedger is a ledger that refuses the first intents and may pass a record to the
// engine instead.
type guardedLedger struct {
	Ledger
	e        *Engine
	refusals int
	until    time.Time
	final    bool
	record   schedule.Record
	delay    time.Duration // of a refusal
}

func (l *guardedLedger) Begin(ctx context.Context, key schedule.Key, intent schedule.Record) (Ticket, error) {
	if key.Kind != schedule.Obtaining || l.refusals == 0 {
		return l.Ledger.Begin(ctx, key, intent)
	}
	l.refusals--
	time.Sleep(l.delay)
	if l.record.Token().Generation > 0 {
		if err := l.e.Learn(ctx, key.Name, l.record); err != nil {
			return nil, err
		}
	}
	return nil, &Refusal{Until: l.until, Reason: "node b is renewing it", Final: l.final}
}

// run starts an engine over the ledger, until stop is called.
func (l *guardedLedger) run(t *testing.T, specs *plan.Plan) (e *Engine, stop func()) {
	e = New(Options{Ledger: l, Observer: &witness{}})
	l.e = e
	e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
	_, stop = startEngine(t, e)
	return e, stop
}

// TestARefusedIntentMakesNoCall: the attempt leaves no trace, waits as long as the
// refusal says, and shows its reason.
func TestARefusedIntentMakesNoCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		k := newKeeper()
		l := &guardedLedger{Ledger: onDisk{k}, refusals: 1, until: wall().Add(20 * time.Second)}
		e, stop := l.run(t, planOf(map[string]*backend{"a": b}, nil))
		defer stop()
		pass(10 * time.Second)
		if v, _ := e.Get("a"); b.count() != 0 || v.Credentials[0].NextReason != "node b is renewing it" {
			t.Errorf("got %d calls and reason %q, want none and the refusal's", b.count(), v.Credentials[0].NextReason)
		}
		if kept := k.memory().Records; len(kept) != 0 {
			t.Errorf("got %v stored of an attempt that was not made, want nothing", kept)
		}
		pass(11 * time.Second)
		if b.count() != 1 {
			t.Errorf("got %d calls after the refusal's instant, want 1", b.count())
		}
	})
}

// TestARefusalBringsTheRecordInstead: the engine uses the ledger's record instead of
// making a call.
func TestARefusalBringsTheRecordInstead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		specs := planOf(map[string]*backend{"a": b}, nil)
		specs.Credentials[0].Identity, specs.Credentials[0].Inputs = "id", "in"
		l := &guardedLedger{Ledger: onDisk{newKeeper()}, refusals: 1, record: elsewhere("theirs", 3, wall())}
		e, stop := l.run(t, specs)
		defer stop()
		pass(time.Minute)
		if v, _ := e.Get("a"); b.count() != 0 || v.Credentials[0].Generation != 3 {
			t.Errorf("got %d calls and generation %d, want none and 3", b.count(), v.Credentials[0].Generation)
		}
	})
}

// TestARenewalThatIsRefusedIsNotMadeLater: the caller is told immediately, and the
// renewal does not happen after the refusal has ended.
func TestARenewalThatIsRefusedIsNotMadeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		l := &guardedLedger{Ledger: onDisk{newKeeper()}, final: true}
		e, stop := l.run(t, planOf(map[string]*backend{"a": b}, nil))
		defer stop()
		pass(10 * time.Minute)
		for _, ask := range []func(context.Context, []string, func(RenewResult)) error{e.Renew, e.Hurry} {
			l.refusals, l.until = 1, wall().Add(2*time.Second)
			var end RenewResult
			if err := ask(t.Context(), []string{"a"}, func(r RenewResult) { end = r }); err != nil || end.Failure != "node b is renewing it" {
				t.Errorf("got %+v and %v, want the refusal's reason", end, err)
			}
			pass(10 * time.Minute)
		}
		if b.count() != 1 {
			t.Errorf("got %d calls, want the first one alone", b.count())
		}
		pass(20 * time.Minute)
		if b.count() != 2 {
			t.Errorf("got %d calls, want the planned one to be made", b.count())
		}
	})
}

// TestARefusedRenewalMayBeRequestedAgain: a person who was told why, and has done
// something about it, does not wait for the end of the refusal. The planned renewals
// do.
func TestARefusedRenewalMayBeRequestedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		l := &guardedLedger{Ledger: onDisk{newKeeper()}, final: true}
		e, stop := l.run(t, planOf(map[string]*backend{"a": b}, nil))
		defer stop()
		pass(10 * time.Minute)
		begun := wall()
		l.refusals, l.until = 2, begun.Add(time.Minute)
		for i, want := range []string{"node b is renewing it", "node b is renewing it", ""} {
			var end RenewResult
			if err := e.Renew(t.Context(), []string{"a"}, func(r RenewResult) { end = r }); err != nil || end.Failure != want {
				t.Errorf("request %d: got %+v and %v, want %q", i+1, end, err, want)
			}
		}
		if took := wall().Sub(begun); took > 2*time.Second || b.count() != 2 {
			t.Errorf("got %d calls after %s, want the second one at once", b.count(), took)
		}
	})
}

// TestARenewalByHandMakesItsOwnCall: what another machine has renewed meanwhile is used,
// but the request is not answered by it.
func TestARenewalByHandMakesItsOwnCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		l := &guardedLedger{Ledger: onDisk{newKeeper()}}
		e := New(Options{Ledger: l, Observer: &witness{}})
		l.e = e
		specs := planOf(map[string]*backend{"a": b}, nil)
		specs.Credentials[0].Identity, specs.Credentials[0].Inputs = "id", "in"
		e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
		_, stop := startEngine(t, e)
		pass(10 * time.Minute)
		l.refusals, l.until, l.record = 1, wall().Add(2*time.Second), elsewhere("theirs", 7, wall())
		var end RenewResult
		if err := e.Renew(t.Context(), []string{"a"}, func(r RenewResult) { end = r }); err != nil || !end.Good() {
			t.Errorf("got %+v and %v, want a renewal", end, err)
		}
		if b.count() != 2 || end.Generation != 8 {
			t.Errorf("got %d calls and generation %d, want a call of its own after the learned generation 7", b.count(), end.Generation)
		}
		stop()
	})
}

// TestWhatIsLearnedDuringAnAttemptThatFails: another machine renewed meanwhile. Its
// newer value is delivered.
func TestWhatIsLearnedDuringAnAttemptThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := living(time.Hour), &place{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": p})
		specs.Credentials[0].Identity, specs.Credentials[0].Inputs = "id", "in"
		r := launch(t, specs, nil)
		defer r.stop()
		pass(30 * time.Minute)
		good := b.answer
		b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
			if n != 2 {
				return good(ctx, n, req)
			}
			if err := r.Learn(ctx, "a", elsewhere("theirs", 7, wall())); err != nil {
				t.Error(err)
			}
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonTimeout, Lost: true}
		}
		if err := r.Renew(t.Context(), []string{"a"}, func(RenewResult) {}); err != nil {
			t.Fatal(err)
		}
		pass(time.Second)
		v := r.mustView(t)
		if v.Credentials[0].Generation != 7 || v.Sinks[0].Delivered["a"] != 7 || v.Credentials[0].State != Valid {
			t.Errorf("got generation %d, delivered %v, state %v, want the learned one in force", v.Credentials[0].Generation, v.Sinks[0].Delivered, v.Credentials[0].State)
		}
		pass(20 * time.Minute)
		if b.count() != 2 {
			t.Errorf("got %d calls, want none before the learned life asks for it", b.count())
		}
	})
}

// renumberingLedger passes the value of each attempt to the engine with a higher
// generation before the attempt ends.
type renumberingLedger struct {
	Ledger
	e *Engine
}

type renumberingTicket struct {
	Ticket
	l   *renumberingLedger
	key schedule.Key
}

func (l *renumberingLedger) Begin(ctx context.Context, key schedule.Key, intent schedule.Record) (Ticket, error) {
	t, err := l.Ledger.Begin(ctx, key, intent)
	if key.Kind == schedule.Obtaining && err == nil {
		t = &renumberingTicket{t, l, key}
	}
	return t, err
}

func (t *renumberingTicket) Commit(ctx context.Context, r schedule.Record) error {
	err := t.Ticket.Commit(ctx, r)
	held := r.Token()
	held.Generation += 10
	r.Part = held
	return errors.Join(err, t.l.e.Learn(ctx, t.key.Name, r))
}

// TestAGenerationLearnedWhileAnAttemptEnds: other machines number the new value higher
// before the attempt has ended here. The machines must not keep two numbers for it.
func TestAGenerationLearnedWhileAnAttemptEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, p := living(time.Hour), &place{}
		specs := planOf(map[string]*backend{"a": b}, map[string]*place{"a": p})
		specs.Credentials[0].Identity, specs.Credentials[0].Inputs = "id", "in"
		l := &renumberingLedger{Ledger: onDisk{newKeeper()}}
		e := New(Options{Ledger: l, Observer: &witness{}})
		l.e = e
		e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
		_, stop := startEngine(t, e)
		pass(time.Second)
		v, found := e.Get("a")
		if !found || v.Credentials[0].Generation != 11 || v.Sinks[0].Delivered["a"] != 11 || b.count() != 1 {
			t.Errorf("got generation %d, delivered %v after %d calls, want 11 after one", v.Credentials[0].Generation, v.Sinks[0].Delivered, b.count())
		}
		stop()
	})
}

// TestAClockThatIsAheadElsewhereHoldsNobodyUp: the minimum interval and the wait after a
// failure have their length from now, whatever the clock of the other machine says.
func TestAClockThatIsAheadElsewhereHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		specs := planOf(map[string]*backend{"a": b}, nil)
		specs.Credentials[0].Identity, specs.Credentials[0].Inputs = "id", "in"
		r := launch(t, specs, nil)
		defer r.stop()
		pass(10 * time.Minute)
		ahead := wall().Add(2 * time.Hour)
		record := elsewhere("theirs", 7, ahead)
		record.Past.Failures, record.Past.RetryAt = 3, ahead.Add(4*time.Minute)
		record.Past.Last = &schedule.Note{At: ahead, Reason: credential.ReasonServer}
		if err := r.Learn(t.Context(), "a", record); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		if err := r.Renew(t.Context(), []string{"a"}, func(RenewResult) {}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < testPolicy.MinInterval || took > testPolicy.MinInterval+time.Second || b.count() != 2 {
			t.Errorf("got %d calls, the last one after %s, want one after the minimum interval of %s", b.count(), took, testPolicy.MinInterval)
		}
	})
}

// TestARenewalRequestedDuringARefusedAttempt: it is made afterwards, also if another
// machine's record has arrived meanwhile.
func TestARenewalRequestedDuringARefusedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		specs := planOf(map[string]*backend{"a": b}, nil)
		specs.Credentials[0].Identity, specs.Credentials[0].Inputs = "id", "in"
		l := &guardedLedger{Ledger: onDisk{newKeeper()}, refusals: 1, record: elsewhere("theirs", 3, wall()), delay: time.Second}
		e := New(Options{Ledger: l, Observer: &witness{}})
		l.e = e
		e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); e.Run(ctx) }()
		pass(500 * time.Millisecond)
		limited, cancel := context.WithTimeout(ctx, 10*time.Minute)
		defer cancel()
		var end RenewResult
		if err := e.Renew(limited, []string{"a"}, func(r RenewResult) { end = r }); err != nil || end.Failure != "" || end.Generation != 4 || b.count() != 1 {
			t.Errorf("got %+v after %d calls, want generation 4 after one: %v", end, b.count(), err)
		}
		stop()
		<-ended
	})
}
