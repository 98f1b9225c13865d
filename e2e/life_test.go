package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

var shop = tss.Identity{CNPJ: "53113791000122", IE: "111010945111", UF: "SP"}

const (
	vaultID     = "0c2fc8a1b2c3d4e5f60718293a4b5c6d7e8f90012"
	vaultSecret = "canary-5f4dcc3b5aa765d61d8327deb882cf99"
)

const iniBefore = "; loja n\xe3o mexer\r\n[SPED]\r\nRpoDb =SQL\r\n[TssOffLine] \r\n\tToken = \r\n\tONLINEPORT=8080\r\n[LAST]\r\nx=1"

// both is a configuration of both backends with all three sinks.
func both(tssURL, vaultURL, more string) string {
	return fmt.Sprintf(`
[renewal]
min_interval = "1s"
timeout = "3s"
[providers.tss]
type = "tss"
url = %q
[credentials.loja]
provider = "tss"
cnpj = "53.113.791/0001-22"
tipopessoa = 2
ie = "111010945111"
uf = "SP"
max_age = "1h"
[sinks.till]
type = "ini"
path = "{dir}/till/appserver.ini"
section = "TSSOFFLINE"
values = { TOKEN = "${loja.token}" }
[providers.vault]
type = "senhasegura"
url = %q
client_id = %q
client_secret = { file = "{dir}/secret" }
[credentials.vault]
provider = "vault"
[sinks.env]
type = "env"
path = "{dir}/out/vault.env"
values = { VAULT_TOKEN = "${vault.access_token}", UNTIL = "${vault.expires_at}" }
[sinks.file]
type = "file"
path = "{dir}/out/vault.token"
content = "${vault.authorization} and ${loja.token}"
%s`, tssURL+"/rest/RestNewToken", vaultURL, vaultID, more)
}

// furnish makes the world of both.
func furnish(t *testing.T, tills *tss.Emulator, vault *senhasegura.Server, more string) *world {
	t.Helper()
	w := newWorld(t, both(serve(t, tills), serve(t, vault), more))
	w.write("secret", vaultSecret+"\n")
	w.write("till/appserver.ini", iniBefore)
	if err := os.Mkdir(w.path("out"), 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

func newVault(life time.Duration) *senhasegura.Server {
	return senhasegura.New(senhasegura.Settings{
		Lifetime:     life,
		Applications: []senhasegura.Application{{ClientID: vaultID, ClientSecret: vaultSecret}},
	}, nil)
}

func TestTokensReachEverySinkAndAreRenewed(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), newVault(8*time.Second)
	w := furnish(t, tills, vault, "")
	w.start()
	w.eventually("everything is delivered", func() bool {
		s := w.status().states()
		return s["loja"] == "valid" && s["vault"] == "valid" && s["till"] == "delivered" && s["env"] == "delivered" && s["file"] == "delivered"
	})
	token := tills.Token(shop)
	if got, want := w.read("till/appserver.ini"), strings.Replace(iniBefore, "Token = ", "Token ="+token, 1); got != want {
		t.Errorf("INI holds\n%q, want\n%q", got, want)
	}
	first := w.read("out/vault.token")
	if !strings.HasPrefix(first, "Bearer ") || !strings.HasSuffix(first, " and "+token) {
		t.Errorf("file holds %q", first)
	}
	if env := w.read("out/vault.env"); !strings.Contains(env, "VAULT_TOKEN=") || !strings.Contains(env, "UNTIL=") {
		t.Errorf("env file holds %q", env)
	}
	if code, body := w.get("/readyz"); code != http.StatusOK {
		t.Errorf("readyz answers %d %s", code, body)
	}
	w.eventually("the short token is renewed", func() bool { return w.read("out/vault.token") != first })
	if n := tills.Renewals(shop); n != 1 {
		t.Errorf("%d renewals at TSS, want 1: another credential's renewal must not cost one", n)
	}
	if _, body := w.get("/metrics"); !strings.Contains(body, `vigente_credential_generation{credential="loja",provider="tss"} 1`) {
		t.Error("the generation is not among the metrics")
	}
	if n := vault.Counts().Forbidden(); n != 0 {
		t.Errorf("%d calls that read a password or take custody", n)
	}
	if code, took := w.stop(); code != 0 || took > 5*time.Second {
		t.Errorf("stopped with %d after %s, want 0 within 5 s", code, took)
	}
	if strings.Contains(w.daemon.log.String(), "canary") || strings.Contains(w.daemon.log.String(), token) {
		t.Error("the log holds a secret")
	}
	leftOvers(t, w)
}

// leftOvers fails the test for anything of ours beside the sinks.
func leftOvers(t *testing.T, w *world) {
	t.Helper()
	for _, dir := range []string{"till", "out"} {
		entries, err := os.ReadDir(w.path(dir))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			info, err := e.Info()
			name := e.Name()
			known := name == "appserver.ini" || name == "vault.env" || name == "vault.token" || strings.HasSuffix(name, ".bak")
			if err == nil && !known && info.Size() > 0 {
				t.Errorf("left over: %s of %d bytes", filepath.Join(dir, name), info.Size())
			}
		}
	}
}

func TestRestartCallsNoBackendAndDeliversWhatIsOwed(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), newVault(time.Hour)
	w := furnish(t, tills, vault, "")
	w.start()
	w.eventually("everything is delivered", func() bool {
		return w.status().states()["file"] == "delivered" && w.status().states()["till"] == "delivered"
	})
	w.kill()
	calls := tills.Requests() + vault.Counts().TokenRequests
	want := w.read("out/vault.token")
	for _, name := range []string{"out/vault.token", "out/vault.env"} {
		if err := os.Remove(w.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.configure(both(w.tssURL(t), w.vaultURL(t), "mode = \"0640\"\n"))
	w.start()
	w.eventually("the changed sink is delivered again", func() bool { return w.read("out/vault.token") == want })
	if now := tills.Requests() + vault.Counts().TokenRequests; now != calls {
		t.Errorf("%d calls after a restart with valid tokens, want none", now-calls)
	}
}

// tssURL and vaultURL read the addresses back from the configuration.
func (w *world) tssURL(t *testing.T) string {
	t.Helper()
	return strings.TrimSuffix(w.setting(t, "providers.tss"), "/rest/RestNewToken")
}

func (w *world) vaultURL(t *testing.T) string { return w.setting(t, "providers.vault") }

func (w *world) setting(t *testing.T, table string) string {
	t.Helper()
	_, rest, found := strings.Cut(w.read("config.toml"), "["+table+"]")
	_, rest, quoted := strings.Cut(rest, "url = \"")
	value, _, closed := strings.Cut(rest, "\"")
	if !found || !quoted || !closed {
		t.Fatalf("no url in %s", table)
	}
	return value
}

func TestKilledInTheMiddleOfARenewalLosesNothing(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), newVault(time.Hour)
	w := furnish(t, tills, vault, "")
	if err := tills.SetFault("hang-after", 1); err != nil {
		t.Fatal(err)
	}
	w.launch()
	w.eventually("the call is under way", func() bool { return tills.Renewals(shop) == 1 })
	w.kill()
	w.start()
	w.eventually("the till holds the token that counts", func() bool {
		return strings.Contains(w.read("till/appserver.ini"), "Token ="+tills.Token(shop)+"\r\n")
	})
	if n := tills.Renewals(shop); n != 2 {
		t.Errorf("%d renewals, want the lost one and one more", n)
	}
	leftOvers(t, w)
}

func TestSecondDaemonIsRefusedAtOnce(t *testing.T) {
	w := furnish(t, tss.New(tss.Options{}), newVault(time.Hour), "")
	w.start()
	begun := time.Now()
	code, _, errs := w.run("run")
	if code != 1 || time.Since(begun) > 5*time.Second || !strings.Contains(errs, "in use") {
		t.Errorf("exits %d after %s with %q, want 1 at once with the reason", code, time.Since(begun), errs)
	}
	if strings.Count(strings.TrimSpace(errs), "\n") > 2 {
		t.Errorf("more than one clear error:\n%s", errs)
	}
}

func TestOnceTriesEachThingAndNamesWhatIsNotGood(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), newVault(time.Hour)
	w := furnish(t, tills, vault, "")
	if code, _, errs := w.run("run", "--once"); code != 0 {
		t.Fatalf("exits %d: %s", code, errs)
	}
	if !strings.Contains(w.read("till/appserver.ini"), tills.Token(shop)) || w.read("out/vault.token") == "" {
		t.Error("not delivered by a single run")
	}
	w.write("till/appserver.ini", "[OTHER]\r\nx=1\r\n")
	if err := os.RemoveAll(w.path("state")); err != nil {
		t.Fatal(err)
	}
	code, _, errs := w.run("run", "--once")
	if code != 1 || !strings.Contains(errs, "loja") || !strings.Contains(errs, "till") {
		t.Errorf("exits %d with %q, want 1 and the names loja and till", code, errs)
	}
	if n := tills.Renewals(shop); n != 1 {
		t.Errorf("%d renewals though the sink could not take the second token, want 1", n)
	}
	if vault.Counts().TokensIssued != 2 {
		t.Errorf("%d tokens of the vault, want 2: one bad sink harms nothing else", vault.Counts().TokensIssued)
	}
}

func TestReloadAppliesADifferenceAndKeepsTheOldOnABadFile(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), newVault(time.Hour)
	w := furnish(t, tills, vault, "")
	w.start()
	w.eventually("everything is delivered", func() bool { return w.status().states()["file"] == "delivered" })
	good := w.status()
	w.configure(both(w.tssURL(t), w.vaultURL(t), "[sinks.extra]\ntype = \"file\"\npath = \"{dir}/out/vault.token.bak\"\ncontent = \"${vault.nothing}\"\n"))
	w.signal(syscall.SIGHUP)
	w.eventually("the bad configuration is told of", func() bool { return w.status().Config.LastError != "" })
	if bad := w.status(); bad.Config.Hash != good.Config.Hash || !strings.Contains(bad.Config.LastError, "sinks.extra.content") {
		t.Errorf("after a bad file: %+v", bad.Config)
	}
	if _, body := w.get("/metrics"); !strings.Contains(body, "vigente_config_last_reload_successful 0") {
		t.Error("the failed reload is not among the metrics")
	}
	if code, _, errs := w.run("reload"); code != 1 || !strings.Contains(errs, "sinks.extra.content") {
		t.Errorf("reload exits %d with %q", code, errs)
	}
	w.configure(both(w.tssURL(t), w.vaultURL(t), "[sinks.extra]\ntype = \"file\"\npath = \"{dir}/out/vault.token.bak\"\ncontent = \"${vault.access_token}\"\n"))
	if code, _, errs := w.run("reload"); code != 0 {
		t.Fatalf("reload exits %d: %s", code, errs)
	}
	w.eventually("the new sink is delivered", func() bool { return w.status().states()["extra"] == "delivered" })
	if tills.Requests() != 1 || vault.Counts().TokenRequests != 1 {
		t.Errorf("%d and %d calls, want 1 each: a reload renews nothing that did not change", tills.Requests(), vault.Counts().TokenRequests)
	}
}

func TestChangedSecretIsTriedWithinSeconds(t *testing.T) {
	vault := newVault(time.Hour)
	w := furnish(t, tss.New(tss.Options{}), vault, "")
	w.write("secret", "wrong\n")
	w.start()
	w.eventually("the refused secret parks", func() bool { return w.status().states()["vault"] == "parked" })
	if n := vault.Counts().TokenRequests; n != 1 {
		t.Errorf("%d requests with a refused secret, want 1", n)
	}
	w.kill()
	w.start()
	if s := w.status().states()["vault"]; s != "parked" || vault.Counts().TokenRequests != 1 {
		t.Errorf("after a restart: %s, %d requests", s, vault.Counts().TokenRequests)
	}
	changed := time.Now()
	w.write("secret", vaultSecret+"\n")
	w.eventually("the new secret is tried", func() bool { return w.status().states()["vault"] == "valid" })
	if took := time.Since(changed); took > 5*time.Second {
		t.Errorf("tried after %s, want within 5 s", took)
	}
}

func TestReadOnlySinkFailsAloneAndHeals(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to mount a folder read-only")
	}
	vault := newVault(6 * time.Second)
	w := furnish(t, tss.New(tss.Options{}), vault, "[sinks.sealed]\ntype = \"file\"\npath = \"{dir}/sealed/token\"\ncontent = \"${vault.access_token}\"\n")
	if err := os.Mkdir(w.path("sealed"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", w.path("sealed"), "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("needs mount: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(w.path("sealed"), syscall.MNT_DETACH) })
	w.start()
	w.eventually("delivered", func() bool { return w.read("sealed/token") != "" })
	held := w.read("sealed/token")
	remount := func(flags uintptr) {
		if err := syscall.Mount("", w.path("sealed"), "", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	w.eventually("the sink fails", func() bool { return w.status().states()["sealed"] == "failing" })
	if w.read("sealed/token") != held {
		t.Error("the old content is not intact")
	}
	// The others go on with every renewal; right after one they are behind for
	// as long as a write takes.
	before := w.read("out/vault.token")
	w.eventually("the other sinks get the next token beside a failing one", func() bool {
		s := w.status().states()
		return w.read("out/vault.token") != before && s["sealed"] == "failing" && s["file"] == "delivered" && s["env"] == "delivered" && s["till"] == "delivered"
	})
	if code, _ := w.get("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz answers %d with a failing sink", code)
	}
	remount(0)
	w.eventually("the sink heals", func() bool { return w.status().states()["sealed"] == "delivered" && w.read("sealed/token") != held })
	w.eventually("ready again", func() bool { code, _ := w.get("/readyz"); return code == http.StatusOK })
}

func TestWrongConfigurationSaysEverythingAtOnce(t *testing.T) {
	w := newWorld(t, "[providers.a]\ntype = \"tss\"\nurl = 3\n[credentials.B]\nprovider = \"a\"\n[sinks.x]\ntype = \"nothing\"\npath = \"/x\"\n")
	for _, command := range []string{"check", "run"} {
		code, out, errs := w.run(command)
		lines := strings.Split(strings.TrimSpace(errs), "\n")
		if code != 3 || out != "" || len(lines) < 3 {
			t.Errorf("%s exits %d, prints %q and\n%s", command, code, out, errs)
		}
		for _, line := range lines {
			if !strings.HasPrefix(line, w.path("config.toml")+":") {
				t.Errorf("%s: a line without file and line: %q", command, line)
			}
		}
	}
}
