package web

import (
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// TestProviderHealth tells how a backend is from what its credentials met.
func TestProviderHealth(t *testing.T) {
	attempt := func(ago time.Duration, o schedule.Outcome) schedule.Attempt {
		return schedule.Attempt{At: at.Add(-ago), Took: time.Second, Outcome: o}
	}
	inForce := func(name string, history ...schedule.Attempt) engine.CredentialView {
		return engine.CredentialView{Name: name, Provider: "p", Generation: 1, State: engine.Valid, History: history}
	}
	for _, tt := range []struct {
		name     string
		cooldown time.Time
		all      []engine.CredentialView
		want     providerRow
	}{
		{"nothing uses it", time.Time{}, nil, providerRow{State: "not asked yet", Class: ClassWarn}},
		{
			"good",
			time.Time{},
			[]engine.CredentialView{inForce("a", attempt(time.Hour, schedule.Failed), attempt(time.Minute, schedule.Renewed))},
			providerRow{State: "answers", Class: ClassGood, InForce: 1, Credentials: 1, Answered: english.seen(at.Add(-59*time.Second), at)},
		},
		{
			"unchanged is an answer",
			time.Time{},
			[]engine.CredentialView{inForce("a", attempt(time.Minute, schedule.Unchanged))},
			providerRow{State: "answers", Class: ClassGood, InForce: 1, Credentials: 1, Answered: english.seen(at.Add(-59*time.Second), at)},
		},
		{
			"one fails after another's success",
			time.Time{},
			[]engine.CredentialView{
				inForce("a", attempt(time.Minute, schedule.Renewed)),
				{Name: "b", Provider: "p", State: engine.Expired, History: []schedule.Attempt{attempt(30*time.Second, schedule.Failed)}},
			},
			providerRow{State: "failing", Class: ClassBad, InForce: 1, Credentials: 2, Answered: english.seen(at.Add(-59*time.Second), at)},
		},
		{
			"cooling down", at.Add(time.Minute),
			[]engine.CredentialView{inForce("a", attempt(time.Minute, schedule.Failed))},
			providerRow{State: "cooling down", Class: ClassWarn, InForce: 1, Credentials: 1, Cooldown: english.seen(at.Add(time.Minute), at)},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := engine.View{At: at, Credentials: tt.all, Providers: []engine.ProviderView{{Name: "p", Type: "tss", CooldownUntil: tt.cooldown}}}
			tt.want.Name, tt.want.Type = "p", "tss"
			if got := providerRows(v, english); len(got) != 1 || got[0] != tt.want {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}
