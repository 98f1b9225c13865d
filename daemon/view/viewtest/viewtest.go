// Package viewtest has the states that the tests of pages and documents show.
package viewtest

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// At is when the states were taken: noon in UTC.
var At = time.Date(2026, 11, 22, 9, 0, 0, 0, time.FixedZone("BRT", -3*3600))

// Mixed is a state with something of everything.
func Mixed() engine.View {
	at := At
	return engine.View{
		At: at,
		Credentials: []engine.CredentialView{
			{
				Name: "cofre", Provider: "vault", Type: "senhasegura", State: engine.Parked, Generation: 2,
				IssuedAt: at.Add(-time.Hour), ExpiresAt: at.Add(time.Hour), Failures: 1,
				LastError: &schedule.Note{Reason: credential.ReasonRejected, Message: "the client secret was refused", At: at.Add(-time.Minute)},
			},
			{
				Name: "loja", Provider: "tss", Type: "tss", State: engine.Valid, Generation: 3, IssuedAt: at.Add(-6 * time.Hour),
				ExpiresAt: at.Add(18 * time.Hour), NextAttemptAt: at.Add(12 * time.Hour), NextReason: "renewed ahead of expiry", NextRule: "renewal.renew_before",
				LastUsefulAttemptAt: at.Add(18*time.Hour - 5*time.Minute),
				History:             []schedule.Attempt{{At: at.Add(-6 * time.Hour), Took: time.Second, Outcome: schedule.Renewed}},
				Limits: []credential.Limit{
					{Kind: "certificate", EndsAt: at.Add(10 * 24 * time.Hour), Person: true},
					{Kind: "refresh_token", EndsAt: at.Add(24 * time.Hour)},
				},
			},
			{Name: "novo", Provider: "vault", Type: "senhasegura", State: engine.Pending, NextAttemptAt: at, Running: true},
		},
		Sinks: []engine.SinkView{
			{
				Name: "api", Type: "env", Path: "/etc/app/<env>", State: engine.Failing, Needs: []string{"cofre", "loja"},
				LastError: &schedule.Note{Reason: credential.ReasonInternal, Message: "the directory is not writable", At: at.Add(-2 * time.Minute)},
			},
			{
				Name: "till", Type: "ini", Path: "/opt/appserver.ini", State: engine.Delivered, Needs: []string{"loja"},
				Delivered: map[string]uint64{"loja": 3}, LastDeliveredAt: at.Add(-6 * time.Hour), HasHook: true, HookOwed: true,
				HookError: &schedule.Note{Reason: credential.ReasonTimeout, Message: "it ran for 30 s", At: at.Add(-time.Hour)},
			},
		},
		Providers: []engine.ProviderView{
			{Name: "tss", Type: "tss"},
			{Name: "vault", Type: "senhasegura", CooldownUntil: at.Add(90 * time.Second), Waiting: 2, Running: 1},
		},
	}
}
