package guide

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
)

// faulty maps the reasons in the guide to the fault of the emulated vault that
// causes them. The reason tls is caused by a vault with an unknown certificate.
var faulty = map[string]string{
	"network": "drop", "timeout": "hang", "throttled": "throttled", "server": "server-error", "bad_response": "html",
	"invalid_request": "kong-404", "rejected": "invalid-client", "tls": "", "clock": "clock-ahead",
}

// ward returns a configuration in which everything in the guide's
// troubleshooting section is wrong at once.
func ward(t testing.TB) string {
	t.Helper()
	var text strings.Builder
	for reason, fault := range faulty {
		vault := e2etest.NewVault(0)
		var base string
		patience := "1m"
		if fault == "hang" { // Only there: on a loaded machine the others need more time.
			patience = "1s"
		}
		if fault == "" {
			server := httptest.NewTLSServer(vault)
			t.Cleanup(server.Close)
			base = server.URL
		} else {
			base = e2etest.Serve(t, broken(t, vault, fault))
		}
		fmt.Fprintf(&text, "[providers.%[1]s]\ntype = \"senhasegura\"\nurl = %[2]q\nclient_id = %[3]q\nclient_secret = { file = \"{dir}/secret\" }\ntimeout = %[4]q\n[credentials.%[1]s]\nprovider = %[1]q\n",
			reason, base, e2etest.VaultID, patience)
	}
	return text.String() + strings.ReplaceAll(`
[providers.good]
type = "senhasegura"
url = "URL"
client_id = "`+e2etest.VaultID+`"
client_secret = { file = "{dir}/secret" }
[credentials.good]
provider = "good"
[sinks.folder]
type = "file"
path = "{dir}/nowhere/token"
content = "${good.access_token}"
[sinks.section]
type = "ini"
path = "{dir}/appserver.ini"
section = "X"
values = { TOKEN = "${good.access_token}" }
[sinks.missing]
type = "ini"
path = "{dir}/missing.ini"
section = "X"
values = { TOKEN = "${good.access_token}" }
[sinks.theirs]
type = "file"
path = "{dir}/theirs"
content = "${good.access_token}"
[sinks.hooked]
type = "file"
path = "{dir}/hooked"
content = "${good.access_token}"
on_change = { command = ["/bin/false"] }
`, "URL", e2etest.Serve(t, e2etest.NewVault(0)))
}

// broken is a vault with a fault.
func broken(t testing.TB, vault *senhasegura.Server, fault string) http.Handler {
	t.Helper()
	if err := vault.SetFault(fault, -1); err != nil {
		t.Fatal(err)
	}
	return vault
}

// TestGuideKnowsTheSymptoms causes every symptom in the guide's troubleshooting
// section, and checks that the messages are those that both guides quote.
func TestGuideKnowsTheSymptoms(t *testing.T) {
	t.Parallel()
	guides := []string{content(t, "../../docs/guide.md"), content(t, "../../docs/guide.pt-BR.md")}
	saw := func(where, said string, words ...string) {
		t.Helper()
		for _, word := range words {
			if !strings.Contains(said, word) {
				t.Errorf("%s: missing %q in:\n%s", where, word, said)
			}
			for i, guide := range guides {
				if !strings.Contains(guide, word) {
					t.Errorf("guide %d does not mention %q", i+1, word)
				}
			}
		}
	}
	w := e2etest.NewWorld(t, ward(t))
	w.Write("secret", e2etest.VaultSecret)
	w.Write("appserver.ini", e2etest.IniBefore)
	_, _, errs := w.Run("status")
	saw("a command without a daemon", errs, "no daemon is running")
	w.Start()
	w.Eventually("the first file is there", func() bool { return w.Read("theirs") != "" })
	w.Write("theirs", "a token of somebody else")
	words := []string{
		"parked", "failing", "pending", "behind", "on_change", "a value that nobody here issued",
		"no such file or directory (create it, or correct the path)", "section [X] not found", "the file does not exist",
	}
	for reason := range faulty {
		if reason != "clock" {
			words = append(words, reason)
		}
	}
	var said string
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("output of status:\n%s", said)
		}
	})
	w.Eventually("everything has been tried", func() bool {
		_, said, _ = w.Run("status")
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(said, word) }) &&
			strings.Contains(said, "timeout, ") && strings.Contains(w.Daemon.Log.String(), "clocks differ")
	})
	saw("status", said, words...)
	saw("the log", w.Daemon.Log.String(), "clocks differ")

	good := w.Read("config.toml")
	w.Write("config.toml", good+"nonsense = 1\n")
	w.Eventually("the configuration is refused", func() bool { _, said, _ = w.Run("status"); return strings.Contains(said, "was refused") })
	saw("status", said, "The new configuration was refused")
	w.Write("config.toml", good)
	w.Refuses(saw)
}

// TestDoctorTellsOfAFileThatIsWrittenInPlace uses a sink whose file cannot be
// replaced: doctor mentions it, but not as a failure.
func TestDoctorTellsOfAFileThatIsWrittenInPlace(t *testing.T) {
	t.Parallel()
	w := e2etest.NewWorld(t, e2etest.Both(e2etest.Serve(t, e2etest.NewVault(0)), e2etest.Serve(t, e2etest.NewVault(0)), ""))
	w.Write("secret", e2etest.VaultSecret)
	w.Write("till/appserver.ini", e2etest.IniBefore)
	w.Write("out/x", "")
	if err := os.Link(w.Path("till/appserver.ini"), w.Path("till/linked.ini")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(w.Path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	code, out, errs := w.Run("doctor")
	if code != 0 || strings.Count(out, "not replaced as a whole: it has several hard links") != 1 || strings.Contains(out, "FAIL") {
		t.Errorf("doctor: got exit code %d, want 0 and one remark:\n%s%s", code, out, errs)
	}
}
