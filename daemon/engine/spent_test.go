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

// TestSeedOfAnUnusableAnswerIsNotShownAgain: a backend that answers without a usable
// token has used up the seed anyway.
func TestSeedOfAnUnusableAnswerIsNotShownAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(0)
		b.spends = true
		b.answer = func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			c := token(n, req, time.Hour)
			c.Seed = map[string]credential.Secret{"refresh": credential.NewSecret("once")}
			if n == 2 {
				c.ExpiresAt = req.At.Add(-time.Hour)
			}
			return c, nil
		}
		r := launch(t, planOf(map[string]*backend{"a": b}, nil), nil)
		defer r.stop()
		pass(46 * time.Minute)
		if n := b.count(); n != 3 {
			t.Fatalf("%d calls, want the first, the unusable one and the next", n)
		}
		if len(b.request(1).Previous.Seed) == 0 {
			t.Error("the seed was not shown once")
		}
		if len(b.request(2).Previous.Seed) > 0 {
			t.Error("the seed was shown again, after an answer that could not be used")
		}
		if got := r.keeper.record(schedule.Obtaining, "a"); len(got.Token().Seed) == 0 {
			t.Error("the seed of the good answer after it is not kept")
		}
	})
}

// slowDisk is a keeper whose first write is slow.
type slowDisk struct {
	*keeper
	takes time.Duration
}

func (d *slowDisk) Save(ctx context.Context, key schedule.Key, r schedule.Record) error {
	if d.keeper.record(key.Kind, key.Name).Past.AttemptAt.IsZero() {
		<-time.After(d.takes)
	}
	return d.keeper.Save(ctx, key, r)
}

// TestFloorCountsFromTheCallHoweverLongTheDiskTook: a slow disk between the start of an
// attempt and its call does not shorten the interval to the next call.
func TestFloorCountsFromTheCallHoweverLongTheDiskTook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var arrived []time.Time
		b := &backend{answer: func(_ context.Context, n int, req credential.Request) (credential.Credential, error) {
			arrived = append(arrived, time.Now())
			return token(n, req, time.Hour), nil
		}}
		d := &slowDisk{newKeeper(), 12 * time.Second}
		e := New(Options{Ledger: onDisk{d}, Observer: &witness{}, Seed: 7})
		e.Install(plan.Between(&plan.Plan{}, planOf(map[string]*backend{"a": b}, nil)), d.memory())
		ctx, cancel := startEngine(t, e)
		pass(15 * time.Second) // the first call is 12 s late, the next is not
		if err := e.Renew(ctx, []string{"a"}, func(RenewResult) {}); err != nil {
			t.Error(err)
		}
		cancel()
		if len(arrived) < 2 {
			t.Fatalf("%d calls, want two", len(arrived))
		}
		if apart := arrived[1].Sub(arrived[0]); apart < testPolicy.MinInterval {
			t.Errorf("two calls are %s apart, want at least %s", apart, testPolicy.MinInterval)
		}
	})
}
