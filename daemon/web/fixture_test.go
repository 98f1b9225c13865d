package web

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var at = time.Date(2026, 11, 22, 9, 0, 0, 0, time.FixedZone("BRT", -3*3600)) // 12:00 UTC

// canary stands where a secret could be by mistake; no view holds one.
const canary = "c4n4ry"

// fleet is a view with something of everything.
func fleet() engine.View {
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

var config = Config{Hash: "0123456789abcdef0123456789abcdef", LoadedAt: at.Add(-24 * time.Hour)}

// fakeBackend answers with what it holds, or blocks while it hangs.
type fakeBackend struct {
	view   engine.View
	config Config
	err    error
	hangs  bool
}

func (f *fakeBackend) View(ctx context.Context) (engine.View, error) {
	if f.hangs {
		<-ctx.Done()
		return engine.View{}, ctx.Err()
	}
	return f.view, f.err
}

func (f *fakeBackend) ConfigStatus() (string, time.Time, string) {
	return f.config.Hash, f.config.LoadedAt, f.config.LastError
}

// golden compares got with a file, or writes it.
func golden(t testing.TB, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; run with -update and look at the difference\ngot:\n%s", path, got)
	}
}
