package metrics

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
)

// BenchmarkScrape gathers all series of a fleet.
func BenchmarkScrape(b *testing.B) {
	for _, size := range []int{100, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			eng := &fakeEngine{view: engine.View{At: at}}
			fleet := &plan.Plan{Providers: []plan.Provider{{Name: "tss"}}}
			for i := range size {
				name := fmt.Sprintf("c%06d", i)
				fleet.Credentials = append(fleet.Credentials, plan.Credential{Name: name, Provider: "tss"})
				fleet.Sinks = append(fleet.Sinks, plan.Sink{Name: name})
				eng.view.Credentials = append(eng.view.Credentials, engine.CredentialView{
					Name: name, Provider: "tss", State: engine.Valid, Generation: 1, IssuedAt: at, ExpiresAt: at, NextAttemptAt: at, LastUsefulAttemptAt: at,
				})
				eng.view.Sinks = append(eng.view.Sinks, engine.SinkView{
					Name: name, Needs: []string{name}, Delivered: map[string]uint64{name: 1}, LastDeliveredAt: at,
				})
			}
			registry := prometheus.NewRegistry()
			m, err := New(Options{Registerer: registry, Viewer: eng})
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
