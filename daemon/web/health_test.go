package web

import (
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

// TestProviderHealth tells how a backend is from what its credentials met.
func TestProviderHealth(t *testing.T) {
	good := engine.CredentialView{Name: "a", Provider: "p", Generation: 1, State: engine.Valid}
	failing := engine.CredentialView{Name: "b", Provider: "p", State: engine.Expired, FailingSince: at.Add(-time.Minute)}
	pending := engine.CredentialView{Name: "c", Provider: "p", State: engine.Pending}
	for _, tt := range []struct {
		name     string
		cooldown time.Time
		all      []engine.CredentialView
		want     providerRow
	}{
		{"nothing uses it", time.Time{}, nil, providerRow{State: "not asked yet", Class: view.ClassWarn}},
		{"nothing obtained", time.Time{}, []engine.CredentialView{pending}, providerRow{State: "not asked yet", Class: view.ClassWarn, Credentials: 1}},
		{"good", time.Time{}, []engine.CredentialView{good, pending}, providerRow{State: "answers", Class: view.ClassGood, InForce: 1, Credentials: 2}},
		{
			"one fails",
			time.Time{},
			[]engine.CredentialView{good, failing},
			providerRow{State: "failing", Class: view.ClassBad, InForce: 1, Credentials: 2, Failing: english.seen(at.Add(-time.Minute), at)},
		},
		{
			"cooling down", at.Add(time.Minute),
			[]engine.CredentialView{good},
			providerRow{State: "cooling down", Class: view.ClassWarn, InForce: 1, Credentials: 1, Cooldown: english.seen(at.Add(time.Minute), at)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := engine.View{At: at, Credentials: tt.all, Providers: []engine.ProviderView{{Name: "p", Type: "tss", CooldownUntil: tt.cooldown}}}
			tt.want.Name, tt.want.Type = "p", "tss"
			if got := providerRows(engine.Summarize(v), english); len(got) != 1 || got[0] != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}
