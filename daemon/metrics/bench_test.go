package metrics

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/daemon/refresh"
)

// BenchmarkScrape gathers every series of a fleet.
func BenchmarkScrape(b *testing.B) {
	for _, size := range []int{100, 10_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			engine := &fakeEngine{view: refresh.View{At: at}}
			fleet := &refresh.Plan{Providers: []refresh.ProviderSpec{{Name: "tss"}}}
			for i := range size {
				name := fmt.Sprintf("c%06d", i)
				fleet.Credentials = append(fleet.Credentials, refresh.CredentialSpec{Name: name, Provider: "tss"})
				fleet.Sinks = append(fleet.Sinks, refresh.SinkSpec{Name: name})
				engine.view.Credentials = append(engine.view.Credentials, refresh.CredentialView{
					Name: name, Provider: "tss", State: refresh.Valid, Generation: 1, IssuedAt: at, ExpiresAt: at, NextAttemptAt: at, LastUsefulAttemptAt: at,
				})
				engine.view.Sinks = append(engine.view.Sinks, refresh.SinkView{
					Name: name, Needs: []string{name}, Delivered: map[string]uint64{name: 1}, LastDeliveredAt: at,
				})
			}
			registry := prometheus.NewRegistry()
			m, err := New(Options{Registerer: registry, Viewer: engine})
			if err != nil {
				b.Fatal(err)
			}
			m.Install(fleet)
			for b.Loop() {
				if _, err := registry.Gather(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
