package control

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

// TestRenewalsThatDoNotBegin refuses what is paused, and what would wait for
// long for a backend that asked to be left alone.
func TestRenewalsThatDoNotBegin(t *testing.T) {
	at := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	v := engine.View{At: at, Credentials: []engine.CredentialView{
		{Name: "free", Provider: "p"},
		{Name: "paused", Provider: "p", PausedUntil: at.Add(time.Hour)},
		{Name: "stopped", Provider: "p", PausedUntil: view.Endless},
		{Name: "resumed", Provider: "p", PausedUntil: at},
		{Name: "cooling", Provider: "cold"},
		{Name: "soon", Provider: "cool"},
	}, Providers: []engine.ProviderView{
		{Name: "p"}, {Name: "cold", CooldownUntil: at.Add(time.Hour)}, {Name: "cool", CooldownUntil: at.Add(30 * time.Second)},
	}}
	names := []string{"free", "paused", "stopped", "resumed", "cooling", "soon"}
	said := map[string]string{}
	tell := func(end engine.RenewResult) { said[end.Name] = end.Failure }
	if left := LeaveAlone(v, LeavePaused(v, names, tell), tell); !slices.Equal(left, []string{"free", "resumed", "soon"}) {
		t.Errorf("renewed are %v", left)
	}
	for name, want := range map[string]string{
		"paused":  "vigente resume paused",
		"stopped": "until it is resumed (vigente resume stopped",
		"cooling": "--ignore-cooldown",
	} {
		if !strings.Contains(said[name], want) {
			t.Errorf("%s: %q, want %q in it", name, said[name], want)
		}
	}
	if len(said) != 3 {
		t.Errorf("said %v", said)
	}
}
