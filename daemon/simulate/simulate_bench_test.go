package simulate

import (
	"fmt"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// thousand is a plan of a thousand credentials that live for an hour.
func thousand() *plan.Plan {
	specs := &plan.Plan{Providers: []plan.Provider{{Name: "p", Type: "test", Concurrency: 8}}}
	for i := range 1000 {
		specs.Credentials = append(specs.Credentials, plan.Credential{
			Name: fmt.Sprintf("c%03d", i), Provider: "p", Common: &plan.Common{Type: "test", Policy: schedule.Policy{
				RenewBefore: schedule.Margin{Share: 0.25}, MaxAge: 24 * time.Hour, Jitter: schedule.Margin{Share: 0.05},
				MinInterval: 30 * time.Second, Timeout: 30 * time.Second,
			}},
		})
	}
	return specs
}

// BenchmarkSimulate rehearses a day of a thousand hourly credentials; a year
// takes 365 times as long.
func BenchmarkSimulate(b *testing.B) {
	from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	calls := 0
	for b.Loop() {
		r, err := rehearse(b.Context(), thousand(), Scenario{From: from, For: day})
		if err != nil || r.Lapsed() {
			b.Fatal(err, r.Lapsed())
		}
		calls = r.Providers[0].Calls
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*calls), "ns/call")
}
