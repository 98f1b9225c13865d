package engine

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// pacedLedger is a ledger whose attempts wait for a turn that all machines share.
type pacedLedger struct {
	onDisk
	wait time.Duration
}

func (l pacedLedger) Begin(ctx context.Context, key schedule.Key, intent schedule.Record) (Ticket, error) {
	t, err := l.onDisk.Begin(ctx, key, intent)
	return pacedTicket{t, l.wait}, err
}

type pacedTicket struct {
	Ticket
	wait time.Duration
}

func (p pacedTicket) Turn(context.Context) time.Duration { return p.wait }

// TestWhatIsNotCalledYetIsReleasedAtOnce: an attempt that waits for its turn when the
// engine stops makes no call, and its intent is withdrawn without delay, so that another
// machine may call.
func TestWhatIsNotCalledYetIsReleasedAtOnce(t *testing.T) {
	for _, own := range []bool{false, true} { // the rate of this machine, or one that all share
		synctest.Test(t, func(t *testing.T) {
			b, k := living(time.Hour), newKeeper()
			specs := crowd(3, b)
			if own {
				specs.Providers[0].Rates = []schedule.Rate{{Calls: 1, Per: 4 * time.Second}}
			}
			e := New(Options{Ledger: pacedLedger{onDisk{k}, 2 * time.Second}, Observer: &witness{}})
			if own { // the first call takes the turn, and a slow disk brings the others together
				e = New(Options{Ledger: onDisk{&stuck{k, time.Now().Add(10 * time.Second), ""}}, Observer: &witness{}})
			}
			e.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
			_, stop := startEngine(t, e)
			if pass(time.Second); own {
				pass(10 * time.Second)
			}
			calls, at := b.count(), time.Now()
			stop()
			if took := time.Since(at); took > 0 {
				t.Errorf("own rate %v: stopped after %s, want at once", own, took)
			}
			if b.count() != calls || calls > 1 {
				t.Errorf("own rate %v: got %d calls before the stop and %d in all, want at most one before and none after", own, calls, b.count())
			}
			if len(k.records) < 2 {
				t.Fatalf("own rate %v: got %d records, want those of the waiting attempts", own, len(k.records))
			}
			for key, r := range k.records {
				if r.Past.Open {
					t.Errorf("own rate %v: the intent of %s is left", own, key.Name)
				}
			}
		})
	}
}

// TestACallUnderWayIsWaitedFor: stopping waits for a call that ends in time, and leaves
// the intent of one that does not.
func TestACallUnderWayIsWaitedFor(t *testing.T) {
	for _, takes := range []time.Duration{2 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			b := living(time.Hour)
			b.spends = true
			b.answer = func(ctx context.Context, n int, req credential.Request) (credential.Credential, error) {
				select {
				case <-time.After(takes):
					return token(n, req, time.Hour), nil
				case <-ctx.Done():
					return credential.Credential{}, &credential.Fault{Reason: credential.ReasonCancelled, Lost: true, Err: ctx.Err()}
				}
			}
			r := launch(t, planOf(map[string]*backend{"a": b}, nil), nil)
			pass(time.Second)
			begun := time.Now()
			r.stop()
			if took := time.Since(begun); took > stopAll {
				t.Errorf("a call of %s: stopped after %s", takes, took)
			}
			got := r.keeper.records[obtaining("a")]
			if inTime := takes < stopCalls; got.Past.Open == inTime || (got.Token().Generation == 1) != inTime {
				t.Errorf("a call of %s: got generation %d, open %v", takes, got.Token().Generation, got.Past.Open)
			}
		})
	}
}
