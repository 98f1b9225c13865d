package cluster

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// caller is a machine that obtains everything as fast as it may.
type caller struct {
	cluster *Cluster
	mu      sync.Mutex
	held    map[string]schedule.Record
	value   string // of a token
	calls   *[]time.Time
	all     *sync.Mutex
}

func (c *caller) record(name string) schedule.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held[name]
}

func (c *caller) learn(_ context.Context, name string, r schedule.Record) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held[name] = r
	return true, nil
}

// obtain makes attempts until one machine has obtained it.
func (c *caller) obtain(ctx context.Context, name string) {
	for ctx.Err() == nil {
		before := c.record(name)
		if before.Token().Generation > 0 {
			return
		}
		ticket, err := c.cluster.Begin(ctx, schedule.Key{Kind: schedule.Obtaining, Name: name}, schedule.Begin(before, time.Now()))
		if ticket == nil {
			pause := 100 * time.Millisecond
			if r, ok := err.(*engine.Refusal); ok { //nolint:errorlint // it is returned unwrapped
				pause = max(pause, time.Until(r.Until))
			}
			time.Sleep(pause)
			continue
		}
		time.Sleep(ticket.(engine.Pacing).Turn(ctx))
		if ticket.(engine.Lapsing).Lapsed() {
			_ = ticket.Commit(ctx, before)
			continue
		}
		now := time.Now()
		c.all.Lock()
		*c.calls = append(*c.calls, now)
		c.all.Unlock()
		time.Sleep(200 * time.Millisecond) // the backend is slow
		r := schedule.Begin(before, now)
		r.Past.Open = false
		r.Part = schedule.Token{Identity: "it", Credential: credential.Credential{
			Generation: 1, IssuedAt: time.Now(), Values: map[string]credential.Secret{"v": secretOf(c.value)},
		}}
		_ = c.learnOwn(name, r)
		_ = ticket.Commit(ctx, r)
	}
}

func (c *caller) learnOwn(name string, r schedule.Record) error {
	_, err := c.learn(context.Background(), name, r)
	return err
}

func (c *caller) Begin(context.Context, schedule.Key, schedule.Record) (engine.Ticket, error) {
	return local{&node{}}, nil
}
func (c *caller) Write(context.Context, engine.Batch) error { return nil }

// The rate of a backend applies to three machines together, from the first call on, and
// is fully used.
func TestMachinesShareARate(t *testing.T) {
	for _, rate := range []schedule.Rate{{Calls: 4, Per: time.Second}, {Calls: 1, Per: time.Second}, {Calls: 10, Per: time.Minute}} {
		synctest.Test(t, func(t *testing.T) { shareRate(t, rate) })
	}
}

func shareRate(t *testing.T, rate schedule.Rate) {
	kv := newMemory()
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("u%d", i))
	}
	var all sync.Mutex
	var calls []time.Time
	var working, running sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	for place, node := range []string{"a", "b", "c"} {
		c := &caller{held: map[string]schedule.Record{}, calls: &calls, all: &all}
		var err error
		c.cluster, err = New(Options{
			KV: kv.of(node), Local: c, Node: node, Name: "/t", Key: [32]byte{1}, Learn: c.learn,
			Spec: func(string) (Spec, bool) {
				return Spec{Timeout: timeout, Identity: "it", Provider: "p", Rates: []schedule.Rate{rate}, Ability: func(schedule.Record) Ability { return Spends }}, true
			},
			Names: func() []string { return names }, Hash: func() string { return "" },
		})
		must(t, err)
		running.Go(func() { c.cluster.Run(ctx) })
		for worker := range 4 {
			working.Go(func() {
				for i := range names {
					c.obtain(ctx, names[(i+place*13+worker*3)%len(names)])
				}
			})
		}
	}
	working.Wait()
	stop()
	running.Wait()
	slices.SortFunc(calls, time.Time.Compare)
	if len(calls) != len(names) {
		t.Errorf("%s: %d calls for %d credentials", rate, len(calls), len(names))
	}
	allowed := max(1, int(float64(rate.Calls)*2/rate.Per.Seconds()*1.25))
	most := 0
	for i := range calls {
		n := 0
		for j := i; j < len(calls) && calls[j].Sub(calls[i]) < 2*time.Second; j++ {
			n++
		}
		most = max(most, n)
	}
	took, ideal := calls[len(calls)-1].Sub(calls[0]), time.Duration(len(names))*rate.Per/time.Duration(rate.Calls)
	t.Logf("%s: at most %d calls within two seconds (%d allowed); %s for %d calls, at the full rate %s", rate, most, allowed, took, len(calls), ideal)
	if most > allowed {
		t.Errorf("%s: %d calls within two seconds, want at most %d", rate, most, allowed)
	}
	if took > ideal*5/4+5*time.Second {
		t.Errorf("%s: it took %s, want about %s", rate, took, ideal)
	}
}
