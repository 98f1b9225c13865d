package engine

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// The sizes at which costs are compared, to find costs that grow with the number of
// credentials.
var sizes = [...]int{100, 10_000, 100_000}

// nowhere is a ledger that stores nothing.
type nowhere struct{}

func (nowhere) Begin(context.Context, schedule.Key, schedule.Record) (Ticket, error) {
	return nowhere{}, nil
}
func (nowhere) Commit(context.Context, schedule.Record) error { return nil }
func (nowhere) Write(context.Context, Batch) error            { return nil }

// quick answers immediately with a token of a few dozen bytes.
type quick struct{}

func (quick) Refresh(_ context.Context, req credential.Request) (credential.Credential, error) {
	value := fmt.Sprintf("token-%d", req.At.UnixNano())
	return credential.Credential{ExpiresAt: req.At.Add(time.Hour), Values: map[string]credential.Secret{"token": credential.NewSecret(value)}}, nil
}

// taken is a sink that accepts everything.
type taken struct{}

func (taken) Deliver(context.Context, credential.Set) (bool, error) { return true, nil }

// crowded is an engine with many credentials, one sink each, and a simulated clock.
type crowded struct {
	*Engine
	now   time.Time
	specs *plan.Plan
}

func newCrowded(b *testing.B, n int) *crowded {
	b.Helper()
	specs := &plan.Plan{Providers: []plan.Provider{{Name: "p", Type: "t", Concurrency: 32}}}
	common := &plan.Common{Type: "t", Policy: schedule.Policy{ // as rows of a fleet share it
		RenewBefore: schedule.Margin{Share: 0.25}, MaxAge: time.Hour, MinInterval: 30 * time.Second, Timeout: 30 * time.Second, Jitter: schedule.Margin{Share: 0.05},
	}}
	for i := range n {
		name := fmt.Sprintf("fleet/%06d", i)
		specs.Credentials = append(specs.Credentials, plan.Credential{
			Name: name, Provider: "p", Common: common, Identity: "https://backend.example\x00" + name, Inputs: fmt.Sprintf("%032x", i), Source: quick{},
		})
		specs.Sinks = append(specs.Sinks, plan.Sink{Name: name + "/till", Type: "file", Path: "/srv/" + name, Needs: []string{name}, Target: fmt.Sprintf("%032x", i), Sink: taken{}})
	}
	c := &crowded{now: time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC), specs: specs}
	c.Engine = New(Options{Ledger: nowhere{}, Observer: deaf{}, Seed: 7})
	c.clock, c.slept = func() time.Time { return c.now }, func() time.Duration { return 0 }
	c.steady = func() time.Duration { return c.now.Sub(time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)) }
	c.pause = func(context.Context, time.Duration) {}
	c.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
	c.model.on = true
	return c
}

// deaf is an observer that does nothing.
type deaf struct{}

func (deaf) Observe(Outcome) {}

// settle runs everything that is due, and returns how many attempts ended.
func (c *crowded) settle() (attempts int) {
	for {
		c.now = c.now.Add(100 * time.Microsecond)
		todo, _ := c.step(c.now)
		if len(todo) == 0 {
			c.publish(c.now)
			return attempts
		}
		for i := range todo {
			end := todo[i].do(context.Background())
			if end.attempt != nil {
				attempts++
			}
			c.take(end)
		}
	}
}

// BenchmarkMemory measures the memory of a credential with its sink: plan, board,
// records and readers' rows, after the first renewal and after ten.
func BenchmarkMemory(b *testing.B) {
	for _, rounds := range []int{1, 10} {
		b.Run(fmt.Sprint(rounds), func(b *testing.B) {
			const n = 20_000
			for b.Loop() {
				before := inUse()
				c := newCrowded(b, n)
				for range rounds {
					c.settle()
					c.now = c.now.Add(50 * time.Minute)
				}
				b.ReportMetric(float64(inUse()-before)/n, "B/credential")
				runtime.KeepAlive(c)
			}
		})
	}
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkRenewal measures the engine's part of a renewal with its delivery.
func BenchmarkRenewal(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newCrowded(b, n)
			b.ReportAllocs()
			attempts := 0
			for b.Loop() {
				attempts += c.settle()
				c.now = c.now.Add(50 * time.Minute)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(attempts/2), "ns/renewal")
		})
	}
}

// BenchmarkApplyOne measures a reload of one changed row.
func BenchmarkApplyOne(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newCrowded(b, n)
			c.settle()
			one := c.specs.Credentials[n/2]
			for i := 0; b.Loop(); i++ {
				is, common := one, *one.Common
				common.Policy.MaxAge = time.Hour + time.Duration(i)
				is.Common = &common
				c.apply(plan.Change{Credentials: plan.Difference[plan.Credential]{Changed: []*plan.Credential{&is}}})
			}
		})
	}
}

// BenchmarkGet measures a lookup of one name, which does not involve the loop.
func BenchmarkGet(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newCrowded(b, n)
			c.settle()
			name := c.specs.Credentials[n/2].Name
			for b.Loop() {
				if v, ok := c.Get(name); !ok || len(v.Sinks) != 1 {
					b.Fatal(v)
				}
			}
		})
	}
}

// BenchmarkWorst measures the first page of everything.
func BenchmarkWorst(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newCrowded(b, n)
			c.settle()
			for b.Loop() {
				if v := c.Select(Query{Worst: true, Limit: 50}); len(v.Credentials) != 50 {
					b.Fatal(len(v.Credentials))
				}
			}
		})
	}
}

// BenchmarkSummary measures the counters.
func BenchmarkSummary(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := newCrowded(b, n)
			c.settle()
			for b.Loop() {
				if s := c.Summary(); s.Totals.Credentials[Valid] != n {
					b.Fatal(s.Totals)
				}
			}
		})
	}
}
