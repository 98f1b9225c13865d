package life

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

func TestTokensReachEverySinkAndAreRenewed(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(8*time.Second)
	w := e2etest.Furnish(t, tills, vault, "")
	w.Start()
	w.Eventually("everything is delivered", func() bool {
		s := w.Status().States()
		return s["loja"] == "valid" && s["vault"] == "valid" && s["till"] == "delivered" && s["env"] == "delivered" && s["file"] == "delivered"
	})
	token := tills.Token(e2etest.Shop)
	if got, want := w.Read("till/appserver.ini"), strings.Replace(e2etest.IniBefore, "Token = ", "Token ="+token, 1); got != want {
		t.Errorf("the INI file holds\n%q, want\n%q", got, want)
	}
	first := w.Read("out/vault.token")
	if !strings.HasPrefix(first, "Bearer ") || !strings.HasSuffix(first, " and "+token) {
		t.Errorf("the file holds %q", first)
	}
	if env := w.Read("out/vault.env"); !strings.Contains(env, "VAULT_TOKEN=") || !strings.Contains(env, "UNTIL=") {
		t.Errorf("the env file holds %q", env)
	}
	if code, body := w.Get("/readyz"); code != http.StatusOK {
		t.Errorf("readyz: got %d %s, want 200", code, body)
	}
	w.Eventually("the short token is renewed", func() bool { return w.Read("out/vault.token") != first })
	if n := tills.Renewals(e2etest.Shop); n != 1 {
		t.Errorf("got %d renewals at TSS, want 1: renewing another credential must not cause one", n)
	}
	if _, body := w.Get("/metrics"); !strings.Contains(body, `vigente_credential_generation{credential="loja",provider="tss"} 1`) {
		t.Error("the metrics do not show the generation")
	}
	if n := vault.Counts().Forbidden(); n != 0 {
		t.Errorf("got %d calls that read a password or take custody, want none", n)
	}
	if code, took := w.Stop(); code != 0 || took > 5*time.Second {
		t.Errorf("stop: got exit code %d after %s, want 0 within 5s", code, took)
	}
	if strings.Contains(w.Daemon.Log.String(), "canary") || strings.Contains(w.Daemon.Log.String(), token) {
		t.Error("the log contains a secret")
	}
	leftOvers(t, w)
}

// TestScrapesNeedNoOtherReader: Prometheus may be the only one that ever asks.
func TestScrapesNeedNoOtherReader(t *testing.T) {
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "")
	w.Launch()
	w.Eventually("the values are delivered", func() bool {
		_, err := os.Stat(w.Path("out/vault.token"))
		return err == nil
	})
	w.Eventually("the scrape shows the state", func() bool {
		_, body := w.Get("/metrics")
		return strings.Contains(body, `vigente_credential_state{credential="loja",provider="tss",state="valid"} 1`)
	})
}

// leftOvers fails the test if there are files of ours other than the sinks.
func leftOvers(t *testing.T, w *e2etest.World) {
	t.Helper()
	for _, dir := range []string{"till", "out"} {
		entries, err := os.ReadDir(w.Path(dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			name := e.Name()
			known := name == "appserver.ini" || name == "vault.env" || name == "vault.token" || strings.HasSuffix(name, ".bak")
			if err == nil && !known && info.Size() > 0 {
				t.Errorf("unexpected file %s of %d bytes", filepath.Join(dir, name), info.Size())
			}
		}
	}
}

func TestRestartCallsNoBackendAndDeliversWhatIsOwed(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	w := e2etest.Furnish(t, tills, vault, "")
	w.Start()
	w.Eventually("everything is delivered", func() bool {
		return w.Status().States()["file"] == "delivered" && w.Status().States()["till"] == "delivered"
	})
	w.Kill()
	calls := tills.Requests() + vault.Counts().TokenRequests
	want := w.Read("out/vault.token")
	for _, name := range []string{"out/vault.token", "out/vault.env"} {
		if err := os.Remove(w.Path(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.Configure(e2etest.Both(w.TssURL(t), w.VaultURL(t), "mode = \"0640\"\n"))
	w.Start()
	w.Eventually("the changed sink is delivered again", func() bool { return w.Read("out/vault.token") == want })
	if now := tills.Requests() + vault.Counts().TokenRequests; now != calls {
		t.Errorf("got %d calls after a restart with valid tokens, want none", now-calls)
	}
}

func TestKilledInTheMiddleOfARenewalLosesNothing(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	w := e2etest.Furnish(t, tills, vault, "")
	if err := tills.SetFault("hang-after", 1); err != nil {
		t.Fatal(err)
	}
	w.Launch()
	w.Eventually("the call is under way", func() bool { return tills.Renewals(e2etest.Shop) == 1 })
	w.Kill()
	w.Start()
	w.Eventually("the till holds the token that counts", func() bool {
		return strings.Contains(w.Read("till/appserver.ini"), "Token ="+tills.Token(e2etest.Shop)+"\r\n")
	})
	if n := tills.Renewals(e2etest.Shop); n != 2 {
		t.Errorf("got %d renewals, want the lost one and one more", n)
	}
	w.Eventually("the vault's sinks are written too", w.Settled)
	leftOvers(t, w)
}

func TestSecondDaemonIsRefused(t *testing.T) {
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "")
	w.Start()
	// It waits a few seconds for a daemon that is just stopping.
	code, _, errs := w.Run("run")
	if code != 1 || !strings.Contains(errs, "in use") || !strings.Contains(errs, "pid ") {
		t.Errorf("second daemon: got exit code %d and %q, want 1, the reason and the pid", code, errs)
	}
	if strings.Count(strings.TrimSpace(errs), "\n") > 2 {
		t.Errorf("want one clear error, got:\n%s", errs)
	}
}

func TestOnceTriesEachThingAndNamesWhatIsNotGood(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	w := e2etest.Furnish(t, tills, vault, "")
	if code, _, errs := w.Run("run", "--once"); code != 0 {
		t.Fatalf("run --once: got exit code %d, want 0: %s", code, errs)
	}
	if !strings.Contains(w.Read("till/appserver.ini"), tills.Token(e2etest.Shop)) || w.Read("out/vault.token") == "" {
		t.Error("run --once did not deliver")
	}
	w.Write("till/appserver.ini", "[OTHER]\r\nx=1\r\n")
	if err := os.RemoveAll(w.Path("state")); err != nil {
		t.Fatal(err)
	}
	code, _, errs := w.Run("run", "--once")
	if code != 1 || !strings.Contains(errs, "loja") || !strings.Contains(errs, "till") {
		t.Errorf("run --once: got exit code %d and %q, want 1 and the names loja and till", code, errs)
	}
	if n := tills.Renewals(e2etest.Shop); n != 1 {
		t.Errorf("got %d renewals although the sink could not accept the second token, want 1", n)
	}
	if vault.Counts().TokensIssued != 2 {
		t.Errorf("got %d tokens from the vault, want 2: a broken sink must not affect others", vault.Counts().TokensIssued)
	}
}

func TestReloadAppliesADifferenceAndKeepsTheOldOnABadFile(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	w := e2etest.Furnish(t, tills, vault, "")
	w.Start()
	w.Eventually("everything is delivered", func() bool { return w.Status().States()["file"] == "delivered" })
	good := w.Status()
	w.Configure(e2etest.Both(w.TssURL(t), w.VaultURL(t), "[sinks.extra]\ntype = \"file\"\npath = \"{dir}/out/vault.token.bak\"\ncontent = \"${vault.nothing}\"\n"))
	w.Signal(syscall.SIGHUP)
	w.Eventually("the bad configuration is told of", func() bool { return w.Status().Config.LastError != "" })
	if bad := w.Status(); bad.Config.Hash != good.Config.Hash || !strings.Contains(bad.Config.LastError, "sinks.extra.content") {
		t.Errorf("after a bad file: got %+v", bad.Config)
	}
	if _, body := w.Get("/metrics"); !strings.Contains(body, "vigente_config_last_reload_successful 0") {
		t.Error("the metrics do not report the failed reload")
	}
	if code, _, errs := w.Run("reload"); code != 3 || !strings.Contains(errs, "sinks.extra.content") {
		t.Errorf("reload: got exit code %d and %q, want 3", code, errs)
	}
	w.Configure(e2etest.Both(w.TssURL(t), w.VaultURL(t), "[sinks.extra]\ntype = \"file\"\npath = \"{dir}/out/vault.token.bak\"\ncontent = \"${vault.access_token}\"\n"))
	if code, _, errs := w.Run("reload"); code != 0 {
		t.Fatalf("reload: got exit code %d, want 0: %s", code, errs)
	}
	w.Eventually("the new sink is delivered", func() bool { return w.Status().States()["extra"] == "delivered" })
	if tills.Requests() != 1 || vault.Counts().TokenRequests != 1 {
		t.Errorf("got %d and %d calls, want 1 each: a reload must not renew unchanged credentials", tills.Requests(), vault.Counts().TokenRequests)
	}
}

func TestChangedSecretIsTriedWithinSeconds(t *testing.T) {
	vault := e2etest.NewVault(time.Hour)
	w := e2etest.Furnish(t, tss.New(tss.Options{}), vault, "")
	w.Write("secret", "wrong\n")
	w.Start()
	w.Eventually("the refused secret parks", func() bool { return w.Status().States()["vault"] == "parked" })
	if n := vault.Counts().TokenRequests; n != 1 {
		t.Errorf("got %d requests with a refused secret, want 1", n)
	}
	w.Kill()
	w.Start()
	if s := w.Status().States()["vault"]; s != "parked" || vault.Counts().TokenRequests != 1 {
		t.Errorf("after a restart: got state %s and %d requests, want parked and 1", s, vault.Counts().TokenRequests)
	}
	changed := time.Now()
	w.Write("secret", e2etest.VaultSecret+"\n")
	w.Eventually("the new secret is tried", func() bool { return w.Status().States()["vault"] == "valid" })
	if took := time.Since(changed); took > 5*time.Second {
		t.Errorf("tried after %s, want within 5s", took)
	}
}

func TestReadOnlySinkFailsAloneAndHeals(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount a folder read-only")
	}
	vault := e2etest.NewVault(6 * time.Second)
	w := e2etest.Furnish(t, tss.New(tss.Options{}), vault, "[sinks.sealed]\ntype = \"file\"\npath = \"{dir}/sealed/token\"\ncontent = \"${vault.access_token}\"\n")
	if err := os.Mkdir(w.Path("sealed"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", w.Path("sealed"), "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(w.Path("sealed"), syscall.MNT_DETACH) })
	w.Start()
	w.Eventually("delivered", func() bool { return w.Read("sealed/token") != "" })
	held := w.Read("sealed/token")
	remount := func(flags uintptr) {
		if err := syscall.Mount("", w.Path("sealed"), "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	w.Eventually("the sink fails", func() bool { return w.Status().States()["sealed"] == "failing" })
	if w.Read("sealed/token") != held {
		t.Error("the old content has changed")
	}
	// The other sinks get every renewal; right after one they are behind for as
	// long as a write takes.
	before := w.Read("out/vault.token")
	w.Eventually("the other sinks get the next token beside a failing one", func() bool {
		s := w.Status().States()
		return w.Read("out/vault.token") != before && s["sealed"] == "failing" && s["file"] == "delivered" && s["env"] == "delivered" && s["till"] == "delivered"
	})
	if code, _ := w.Get("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz: got %d with a failing sink, want 503", code)
	}
	remount(0)
	w.Eventually("the sink heals", func() bool { return w.Status().States()["sealed"] == "delivered" && w.Read("sealed/token") != held })
	w.Eventually("ready again", func() bool { code, _ := w.Get("/readyz"); return code == http.StatusOK })
}

func TestWrongConfigurationSaysEverythingAtOnce(t *testing.T) {
	w := e2etest.NewWorld(t, "[providers.a]\ntype = \"tss\"\nurl = 3\n[credentials.B]\nprovider = \"a\"\n[sinks.x]\ntype = \"nothing\"\npath = \"/x\"\n")
	for _, command := range []string{"check", "run"} {
		code, out, errs := w.Run(command)
		lines := strings.Split(strings.TrimSpace(errs), "\n")
		if code != 3 || out != "" || len(lines) < 3 {
			t.Errorf("%s: got exit code %d, output %q and\n%s", command, code, out, errs)
		}
		for _, line := range lines {
			if !strings.HasPrefix(line, w.Path("config.toml")+":") {
				t.Errorf("%s: message without file and line number: %q", command, line)
			}
		}
	}
}
