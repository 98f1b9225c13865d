package engine

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

func ready(r *rig) bool {
	select {
	case <-r.Ready():
		return true
	default:
		return false
	}
}

// TestReadyOnceTargetsWereLookedAt restarts after a target was emptied while the daemon
// was down: until the target was checked, it is not shown as delivered and the engine
// is not ready.
func TestReadyOnceTargetsWereLookedAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, p := guarded(t)
		if !ready(r) {
			t.Error("not ready though everything is delivered")
		}
		r.stop()
		specs, look := planOf(map[string]*backend{"a": living(time.Hour)}, map[string]*place{"a": p}), make(chan struct{})
		specs.Sinks[0].Guard = slowLook{watched{p}, look}
		p.set(func(p *place) { p.held = "" })
		r = launch(t, specs, r.keeper)
		defer r.stop()
		pass(time.Second)
		if v := r.Select(Query{}).Sinks[0]; v.State != Pending || len(v.Delivered) != 0 || ready(r) {
			t.Errorf("before the look: %s %v, ready %t", v.State, v.Delivered, ready(r))
		}
		close(look)
		pass(time.Second)
		if v := r.Select(Query{}).Sinks[0]; v.State != Delivered || !ready(r) || p.holds() != "a=value-1\n" {
			t.Errorf("after the look: %s, ready %t, holds %q", v.State, ready(r), p.holds())
		}
	})
}

// TestWhoIsToldThatItIsReadyFindsItSo queries the state at the instant of READY.
func TestWhoIsToldThatItIsReadyFindsItSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		specs := planOf(map[string]*backend{"a": living(time.Hour)}, map[string]*place{"a": {}})
		r := launch(t, specs, nil)
		defer r.stop()
		<-r.Ready()
		v := r.Select(Query{})
		if v.Credentials[0].State != Valid || v.Sinks[0].State != Delivered {
			t.Errorf("at READY the credential is %s and the sink %s", v.Credentials[0].State, v.Sinks[0].State)
		}
	})
}

// slowLook is a guard whose check waits for a signal.
type slowLook struct {
	watched
	let chan struct{}
}

func (s slowLook) Inspect(ctx context.Context, set credential.Set, issued func(name, digest string) bool) (plan.Drift, error) {
	<-s.let
	return s.watched.Inspect(ctx, set, issued)
}

// TestReadyDoesNotWaitForEver: readiness waits five seconds for a hanging check, one try
// for a failing delivery, and one call for a refusing backend.
func TestReadyDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _, p := guarded(t)
		r.stop()
		specs, look := planOf(map[string]*backend{"a": living(time.Hour)}, map[string]*place{"a": p}), make(chan struct{})
		specs.Sinks[0].Guard = slowLook{watched{p}, look}
		r = launch(t, specs, r.keeper)
		pass(maxTargetWait - time.Second)
		early := ready(r)
		pass(2 * time.Second)
		if early || !ready(r) {
			t.Errorf("a look that hangs: ready early %t, late %t", early, ready(r))
		}
		close(look)
		r.stop()
	})
	synctest.Test(t, func(t *testing.T) {
		refusing := &backend{answer: func(context.Context, int, credential.Request) (credential.Credential, error) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonServer, Message: "away"}
		}}
		r := launch(t, planOf(map[string]*backend{"a": living(time.Hour), "b": refusing}, map[string]*place{"a": {fail: errors.New("full")}}), nil)
		defer r.stop()
		pass(time.Second)
		if !ready(r) {
			t.Error("not ready after one try of everything")
		}
	})
}

// TestReadinessIsNotCheckedOneByOne: while a fleet waits for its first answers, each
// check of readiness stops at the first credential that has none.
func TestReadinessIsNotCheckedOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 300
		let := make(chan struct{})
		slow := &backend{answer: func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			<-let
			return token(n, req, time.Hour), nil
		}}
		backends, places := map[string]*backend{}, map[string]*place{}
		for i := range n {
			name := fmt.Sprintf("c%03d", i)
			backends[name], places[name] = slow, &place{}
		}
		r := launch(t, planOf(backends, places), nil)
		defer r.stop()
		checks := func() (n int) {
			if err := r.ask(t.Context(), func() { n = r.starting.checks }); err != nil {
				t.Fatal(err)
			}
			return n
		}
		pass(time.Second)
		before := checks()
		pass(5 * time.Second)
		if got := checks() - before; got < 10 || got > 3*n {
			t.Errorf("got %d checks in 5 s, want one for each of about 50 passes", got)
		}
		close(let)
		pass(time.Second)
		if !ready(r) {
			t.Error("not ready though everything is delivered")
		}
	})
}
