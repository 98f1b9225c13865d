package metrics

import (
	"cmp"
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/view"
)

var at = time.Date(2026, 11, 22, 12, 0, 0, 500e6, time.UTC)

// fakeEngine returns fixed views.
type fakeEngine struct {
	view     engine.View
	config   view.Config
	starting bool
	limit    int // the detail limit; 0 means 2000
	searches atomic.Int32
}

func (f *fakeEngine) Begun() bool { return !f.starting }

func (f *fakeEngine) Select(q engine.Query) engine.View {
	f.searches.Add(1)
	return q.Of(f.view)
}

func (f *fakeEngine) Summary() engine.Summary { return engine.Summarize(f.view) }

func (f *fakeEngine) Config() view.Config { return f.config }

func (f *fakeEngine) DetailLimit() int { return cmp.Or(f.limit, 2000) }

type hook struct{}

func (hook) Run(context.Context, []string) error { return nil }

func planned() *plan.Plan {
	return &plan.Plan{
		Providers:   []plan.Provider{{Name: "tss"}, {Name: "vault"}},
		Credentials: []plan.Credential{{Name: "loja", Provider: "tss"}, {Name: "cofre", Provider: "vault"}},
		Sinks:       []plan.Sink{{Name: "till", Type: "ini", Hook: hook{}}, {Name: "plain", Type: "file"}},
	}
}

func mixed() engine.View {
	return engine.View{
		At: at,
		Credentials: []engine.CredentialView{
			{
				Name: "cofre", Provider: "vault", State: engine.Parked,
				Limits: []credential.Limit{{Kind: "certificate", EndsAt: at.Add(2 * time.Hour)}, {Kind: "certificate", EndsAt: at.Add(time.Hour)}},
			},
			{
				Name: "loja", Provider: "tss", State: engine.Valid, Generation: 3, IssuedAt: at, ExpiresAt: at.Add(10 * time.Second),
				NextAttemptAt: at.Add(5 * time.Second), LastUsefulAttemptAt: at.Add(8 * time.Second),
			},
		},
		Sinks: []engine.SinkView{
			{Name: "plain", Type: "file", State: engine.Pending, Needs: []string{"cofre", "loja"}},
			{Name: "till", Type: "ini", State: engine.Behind, Needs: []string{"loja"}, Delivered: map[string]uint64{"loja": 2}, LastDeliveredAt: at},
		},
		Providers: []engine.ProviderView{{Name: "tss", CooldownUntil: at}, {Name: "vault"}},
	}
}

func newMetrics(t testing.TB, eng *fakeEngine) (*Metrics, *prometheus.Registry) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	m, err := New(Options{Registerer: registry, Viewer: eng, Version: "1.2.3", Revision: "abc"})
	if err != nil {
		t.Fatal(err)
	}
	m.Install(plan.Between(&plan.Plan{}, planned()))
	return m, registry
}

// series returns the values of all our series, by name and labels.
func series(t testing.TB, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "vigente_") {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				if l.GetName() != "goversion" {
					labels = append(labels, l.GetName()+"="+l.GetValue())
				}
			}
			key := family.GetName() + "{" + strings.Join(labels, ",") + "}"
			switch {
			case m.Counter != nil:
				found[key] = m.GetCounter().GetValue()
			case m.Gauge != nil:
				found[key] = m.GetGauge().GetValue()
			case m.Histogram != nil:
				found[key+"count"] = float64(m.GetHistogram().GetSampleCount())
				found[key+"sum"] = m.GetHistogram().GetSampleSum()
			}
		}
	}
	return found
}
