package commands

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

func TestDoctorFindsWhatWouldFailAndTouchesNothing(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	w := e2etest.Furnish(t, tills, vault, "")
	// Doctor does not create folders; a missing one is a finding.
	if err := os.Mkdir(w.Path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, errs := w.Run("doctor")
	if code != 0 || strings.Count("\n"+out, "\nok ") != 6 {
		t.Errorf("sound installation: got exit code %d:\n%s%s", code, out, errs)
	}
	w.Write("till/appserver.ini", "[OTHER]\r\n")
	w.Configure(strings.Replace(e2etest.Both(w.TssURL(t), w.VaultURL(t), "on_change = { command = [\"/nothing/here\"] }\n"), w.VaultURL(t), "http://127.0.0.1:1", 1))
	code, out, _ = w.Run("doctor", "--json")
	var told struct {
		Format   int
		Findings []struct {
			Check, Detail string
			OK            bool
		}
	}
	if err := json.Unmarshal([]byte(out), &told); err != nil || told.Format != 1 {
		t.Fatalf("doctor --json: %v\n%s", err, out)
	}
	bad := map[string]bool{}
	for _, f := range told.Findings {
		bad[f.Check] = !f.OK
		if f.Detail == "" {
			t.Errorf("%s: empty detail", f.Check)
		}
	}
	if code != 1 || !bad["sink till"] || !bad["hook file"] || !bad["provider vault"] || bad["provider tss"] || bad["sink env"] || bad["state"] {
		t.Errorf("broken installation: got exit code %d with %s", code, out)
	}
	if tills.Renewals(e2etest.Shop) != 0 || vault.Counts().TokenRequests != 0 {
		t.Error("doctor renewed something")
	}
	if entries, err := os.ReadDir(w.Path("out")); err != nil || len(entries) != 0 {
		t.Errorf("doctor left %v, %v", entries, err)
	}
}

// TestTheDoctorSeesAnExposedState: doctor only reports it; the daemon fixes the
// permissions.
func TestTheDoctorSeesAnExposedState(t *testing.T) {
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "")
	e2etest.Must(t, os.MkdirAll(w.Path("state"), 0o700), os.Chmod(w.Path("state"), 0o755))
	code, out, _ := w.Run("doctor")
	if code != 1 || !strings.Contains(out, w.Path("state")+": other users could reach it (mode 0755)") {
		t.Errorf("doctor: got exit code %d with\n%s", code, out)
	}
	if code, _, errs := w.Run("run", "--once"); code != 0 || !strings.Contains(errs, "state closed to other users") {
		t.Errorf("run --once: got exit code %d with %s", code, errs)
	}
	if code, out, _ := w.Run("doctor"); code != 0 {
		t.Errorf("doctor afterwards: got exit code %d with\n%s", code, out)
	}
}

func TestSimulateShowsLapsesOfTheUsersOwnConfiguration(t *testing.T) {
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "")
	code, out, errs := w.Run("simulate", "--from", "2026-01-01T00:00:00Z", "--for", "10d", "--outage", "vault=2d+6h", "--suspend", "5d+9h")
	if code != 0 {
		t.Fatalf("simulate: got exit code %d: %s", code, errs)
	}
	if strings.Count(out, "LAPSED  vault for ") != 2 || !strings.Contains(out, "provider vault: ") {
		t.Errorf("simulate: got\n%s", out)
	}
	if code, out, _ := w.Run("simulate", "--for", "10d"); code != 0 || strings.Contains(out, "LAPSED  vault") {
		t.Errorf("without a fault: got exit code %d and\n%s", code, out)
	}
	if code, _, errs := w.Run("simulate", "--outage", "vault"); code != 2 || !strings.Contains(errs, "START+LENGTH") {
		t.Errorf("wrong flag: got exit code %d and %q, want 2", code, errs)
	}
}

func TestCheckWarnsOfWhatIsAllowedAndMayFail(t *testing.T) {
	t.Parallel()
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "owner = \"nobody-of-this-name\"\ngroup = \"no-group-of-this-name\"\n")
	code, out, errs := w.Run("check")
	if code != 0 || !strings.HasPrefix(out, "ok\n") || strings.Count(errs, "\n") != 2 ||
		!strings.Contains(errs, `sinks.file.owner: there is no user "nobody-of-this-name" on this machine`) || !strings.Contains(errs, "sinks.file.group: there is no group") {
		t.Errorf("check: got exit code %d with %s%s", code, out, errs)
	}
	w.Configure(e2etest.Both(w.TssURL(t), w.VaultURL(t), "owner = \"root\"\ngroup = \"12345\"\n[providers.vault.tls]\ninsecure_skip_verify = true\n"))
	if code, _, errs := w.Run("check"); code != 0 || strings.Count(errs, "warning: ") != 1 || !strings.Contains(errs, "insecure_skip_verify") {
		t.Errorf("check: got exit code %d with %s", code, errs)
	}
}

func TestMisuseOfSignIsAUsageError(t *testing.T) {
	t.Parallel()
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), `[providers.signed]
type = "senhasegura"
auth = "oauth1"
url = "http://127.0.0.1:1"
consumer_key = "k"
consumer_secret = { file = "{dir}/secret" }
token_key = "t"
token_secret = { file = "{dir}/secret" }
[credentials.signed]
provider = "signed"
`)
	w.Start()
	w.Eventually("there is something to sign with", func() bool { code, _, _ := w.Run("sign", "signed", "GET", "https://x.example/"); return code == 0 })
	for _, args := range [][]string{{"loja", "GET", "https://x.example/"}, {"signed", "GET", "no address"}, {"signed", "", "https://x.example/"}, {"nobody", "GET", "https://x.example/"}} {
		if code, out, errs := w.Run(append([]string{"sign"}, args...)...); code != 2 || out != "" || strings.Count(errs, "\n") != 1 {
			t.Errorf("sign %q: got exit code %d with %q and %q, want 2", args, code, out, errs)
		}
	}
}
