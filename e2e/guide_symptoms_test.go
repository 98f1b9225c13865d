package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
)

// faulty are the reasons of the guide, each with the fault of the emulated
// vault that shows it. The reason tls is that of a vault whose certificate
// nobody knows.
var faulty = map[string]string{
	"network": "drop", "timeout": "hang", "throttled": "throttled", "server": "server-error", "bad_response": "html",
	"invalid_request": "kong-404", "rejected": "invalid-client", "tls": "", "clock": "clock-ahead",
}

// ward writes the configuration of a machine on which everything of the guide's
// last resort is wrong at once.
func ward(t testing.TB) string {
	t.Helper()
	var text strings.Builder
	for reason, fault := range faulty {
		vault := newVault(0)
		var base string
		if fault == "" {
			server := httptest.NewTLSServer(vault)
			t.Cleanup(server.Close)
			base = server.URL
		} else {
			base = serve(t, broken(t, vault, fault))
		}
		fmt.Fprintf(&text, "[providers.%[1]s]\ntype = \"senhasegura\"\nurl = %[2]q\nclient_id = %[3]q\nclient_secret = { file = \"{dir}/secret\" }\ntimeout = \"1s\"\n[credentials.%[1]s]\nprovider = %[1]q\n",
			reason, base, vaultID)
	}
	return text.String() + strings.ReplaceAll(`
[providers.good]
type = "senhasegura"
url = "URL"
client_id = "`+vaultID+`"
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
`, "URL", serve(t, newVault(0)))
}

// broken is a vault with a fault.
func broken(t testing.TB, vault *senhasegura.Server, fault string) http.Handler {
	t.Helper()
	if err := vault.SetFault(fault, -1); err != nil {
		t.Fatal(err)
	}
	return vault
}

// TestGuideKnowsTheSymptoms brings about what the guide's last resort lists, and
// wants each to be said in the words that both guides quote.
func TestGuideKnowsTheSymptoms(t *testing.T) {
	t.Parallel()
	guides := []string{content(t, "../docs/guide.md"), content(t, "../docs/guide.pt-BR.md")}
	saw := func(where, said string, words ...string) {
		t.Helper()
		for _, word := range words {
			if !strings.Contains(said, word) {
				t.Errorf("%s does not say %q:\n%s", where, word, said)
			}
			for i, guide := range guides {
				if !strings.Contains(guide, word) {
					t.Errorf("guide %d does not speak of %q", i+1, word)
				}
			}
		}
	}
	w := newWorld(t, ward(t))
	w.write("secret", vaultSecret)
	w.write("appserver.ini", iniBefore)
	_, _, errs := w.run("status")
	saw("a command without a daemon", errs, "no daemon is running")
	w.start()
	w.eventually("the first file is there", func() bool { return w.read("theirs") != "" })
	w.write("theirs", "a token of somebody else")
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
			t.Logf("status said:\n%s", said)
		}
	})
	w.eventually("everything has been tried", func() bool {
		_, said, _ = w.run("status")
		return !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(said, word) }) &&
			strings.Contains(said, "timeout, ") && strings.Contains(w.daemon.log.String(), "clocks differ")
	})
	saw("status", said, words...)
	saw("the log", w.daemon.log.String(), "clocks differ")

	good := w.read("config.toml")
	w.write("config.toml", good+"nonsense = 1\n")
	w.eventually("the configuration is refused", func() bool { _, said, _ = w.run("status"); return strings.Contains(said, "not accepted") })
	saw("status", said, "The last configuration was not accepted")
	w.write("config.toml", good)
	w.refuses(saw)
}

// refuses starts the daemon in every way in which it cannot.
func (w *world) refuses(saw func(where, said string, words ...string)) {
	w.t.Helper()
	_, _, errs := w.run("run")
	saw("a second daemon", errs, "is in use by another vigente")
	w.stop()
	w.write("key", strings.Repeat("01", 32))
	head, rest, _ := strings.Cut(w.read("config.toml"), "[daemon]\n")
	sealed := head + "[daemon]\nstate_key = { file = \"key\" }\n" + rest
	w.write("config.toml", sealed)
	w.start()
	w.stop()
	w.write("key", strings.Repeat("02", 32))
	_, _, errs = w.run("run")
	saw("a daemon with another key", errs, "daemon.state_key is not the key it was sealed with")
	w.write("config.toml", head+"[daemon]\n"+rest)
	_, _, errs = w.run("run")
	saw("a daemon without the key", errs, "it is sealed")
	if err := os.RemoveAll(w.path("state")); err != nil {
		w.t.Fatal(err)
	}
	taken := strings.TrimPrefix(serve(w.t, http.NotFoundHandler()), "http://")
	w.write("config.toml", strings.Replace(head+"[daemon]\n"+rest, w.listen, taken, 1))
	_, _, errs = w.run("run")
	saw("a daemon whose port is taken", errs, "address already in use")
}

// TestDoctorTellsOfAFileThatIsWrittenInPlace has a sink whose file cannot be
// replaced: that is no fault, and worth a word.
func TestDoctorTellsOfAFileThatIsWrittenInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t, both(serve(t, newVault(0)), serve(t, newVault(0)), ""))
	w.write("secret", vaultSecret)
	w.write("till/appserver.ini", iniBefore)
	w.write("out/x", "")
	if err := os.Link(w.path("till/appserver.ini"), w.path("till/linked.ini")); err != nil {
		t.Fatal(err)
	}
	code, out, errs := w.run("doctor")
	if code != 0 || strings.Count(out, "not replaced as a whole: it has several hard links") != 1 || strings.Contains(out, "FAIL") {
		t.Errorf("the doctor exits %d with\n%s%s", code, out, errs)
	}
}
