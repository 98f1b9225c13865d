package metrics

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/engine/enginetest"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/view"
)

// quick answers immediately; the first of a fleet fails if broken is set.
type quick struct{ broken bool }

func (q quick) Refresh(_ context.Context, req credential.Request) (credential.Credential, error) {
	if q.broken {
		return credential.Credential{}, &credential.Fault{Reason: credential.ReasonServer}
	}
	return credential.Credential{ExpiresAt: req.At.Add(time.Hour), Values: map[string]credential.Secret{"token": credential.NewSecret("x")}}, nil
}

// taken is a sink that accepts everything.
type taken struct{}

func (taken) Deliver(context.Context, credential.Set) (bool, error) { return true, nil }

// running is an engine as the daemon shows it to the metrics, with the default limit.
type running struct{ *engine.Engine }

func (running) Config() view.Config { return view.Config{} }
func (running) DetailLimit() int    { return 2000 }

// BenchmarkScrape gathers all series of a running fleet, in order or with one credential
// that has a problem.
func BenchmarkScrape(b *testing.B) {
	for _, size := range []int{100, 10_000, 100_000} {
		for _, broken := range []bool{false, true} {
			b.Run(fmt.Sprintf("%d/broken=%t", size, broken), func(b *testing.B) {
				fleet := &plan.Plan{Providers: []plan.Provider{{Name: "tss", Concurrency: 32}}}
				common := &plan.Common{Type: "tss", Policy: enginetest.Policy()}
				for i := range size {
					name := fmt.Sprintf("shops/%06d", i)
					fleet.Credentials = append(fleet.Credentials, plan.Credential{Name: name, Provider: "tss", Common: common, Identity: name, Inputs: "1", Source: quick{broken && i == 0}})
					fleet.Sinks = append(fleet.Sinks, plan.Sink{Name: name + "/till", Type: "file", Needs: []string{name}, Target: "1", Sink: taken{}})
				}
				e, stop := enginetest.Run(b, enginetest.NewLedger(), enginetest.Deaf{}, fleet)
				defer stop()
				done := func(v engine.View) bool { return v.Totals.Sinks[engine.Delivered] >= size-1 }
				if err := e.Await(b.Context(), engine.Query{}, done); err != nil {
					b.Fatal(err)
				}
				registry := prometheus.NewRegistry()
				m, err := New(Options{Registerer: registry, Viewer: running{e}})
				if err != nil {
					b.Fatal(err)
				}
				m.Install(plan.Between(&plan.Plan{}, fleet))
				for b.Loop() {
					if _, err := registry.Gather(); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
