package commands

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

// rehearse runs vigente emulate and returns the address of each kind. Options
// may follow the kinds.
func rehearse(t *testing.T, w *e2etest.World, args ...string) map[string]string {
	t.Helper()
	kinds := args
	if i := slices.IndexFunc(args, func(arg string) bool { return strings.HasPrefix(arg, "-") }); i > 0 {
		kinds = args[:i]
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := w.Command(ctx, append([]string{"emulate"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	places := map[string]string{}
	lines := bufio.NewScanner(out)
	for len(places) < len(kinds) && lines.Scan() {
		if kind, address, ok := strings.Cut(lines.Text(), "  http://"); ok && slices.Contains(kinds, kind) {
			places[kind] = "http://" + address
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if len(places) != len(kinds) {
		t.Fatalf("got addresses %v, want one for each of %q", places, kinds)
	}
	return places
}

// fault enables one fault for all calls, or disables all.
func fault(t *testing.T, place, name string) {
	t.Helper()
	resp, err := http.PostForm(place+"/_emulate", url.Values{"fault": {name}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("set fault %q: got status %d, want 204", name, resp.StatusCode)
	}
}

const rehearsed = `
[renewal]
min_interval = "1s"
timeout = "3s"
[providers.portal]
type = "http"
url = "HTTP"
[credentials.first]
provider = "portal"
path = "/login"
json = { user = "integracao", password = { file = "{dir}/password" } }
fields = { token = "json:/data/token" }
expires = "json:/data/expires_in"
errors = [{ json = "/code", is = "X12", reason = "rejected" }]
[credentials.second]
provider = "portal"
path = "/branch"
form = { session = "${first.token}" }
fields = { token = "cookie:SID" }
[credentials.third]
provider = "portal"
path = "/once"
form = { code = "${code.code}" }
fields = { token = "json:/token" }
expires = "json:/expires"
expires_form = "milliseconds"
spends = true
[credentials.code]
provider = "portal"
path = "/login?lang=pt"
json = { user = "integracao", password = { file = "{dir}/password" } }
fields = { code = "json:/code" }
[providers.commands]
type = "exec"
[credentials.tool]
provider = "commands"
command = ["vigente", "emulate", "exec", "--print", "EXEC/azure"]
output = "azure"
[sinks.out]
type = "file"
path = "{dir}/out"
content = "${second.token} ${tool.token}"
`

// TestRehearsalOfWhatIsNoStandard runs a daemon against the emulators of http
// and exec, and turns faults on and off.
func TestRehearsalOfWhatIsNoStandard(t *testing.T) {
	t.Parallel()
	w := e2etest.NewWorld(t, "")
	program, err := e2etest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	w.Environ = append(w.Environ, "PATH="+filepath.Dir(program)+":/usr/bin:/bin", "TZ=America/Sao_Paulo")
	w.Write("password", "5f4dcc3b5aa765d61d8327deb882cf99\n")
	at := rehearse(t, w, "http", "exec")
	w.Configure(strings.NewReplacer("HTTP", at["http"], "EXEC", at["exec"]).Replace(rehearsed))
	w.Start()
	w.Eventually("everything is delivered", func() bool { return w.Status().States()["out"] == "delivered" })
	if _, out, _ := w.Run("status", "tool"); !strings.Contains(out, "valid") {
		t.Errorf("status of the tool: got %s, want valid", out)
	}
	for _, c := range []struct{ kind, name, fault, state, reason string }{
		{"http", "first", "server-error", "failing", "server"},
		{"http", "first", "page-401", "failing", "bad_response"},
		{"http", "first", "refused-200", "parked", "rejected"},
		{"exec", "tool", "busy", "failing", "server"},
		{"exec", "tool", "hang", "failing", "timeout"},
		{"exec", "tool", "over", "failing", "bad_response"},
		{"exec", "tool", "refused", "parked", "rejected"},
	} {
		fault(t, at[c.kind], c.fault)
		if code, _, _ := w.Run("renew", c.name); code != 1 {
			t.Errorf("%s: renew: got exit code %d, want 1", c.fault, code)
		}
		if got := w.Status().States()[c.name] + " " + w.Reason(c.name); got != c.state+" "+c.reason {
			t.Errorf("%s: got %s, want %s %s", c.fault, got, c.state, c.reason)
		}
		fault(t, at[c.kind], "")
	}
	whatWorksOnce(t, w, at["http"])
	if _, out, _ := w.Run("explain", "tool", "--stderr"); !strings.Contains(out, "emulated: the login is refused, log in again") {
		t.Errorf("explain --stderr does not show what the command wrote: %s", out)
	}
	if code, out, errs := w.Run("renew", "--all"); code != 0 {
		t.Errorf("renew without faults: got exit code %d, want 0: %s%s", code, out, errs)
	}
	if code, out, _ := w.Run("status", "--check"); code != 0 {
		t.Errorf("status --check: got exit code %d, want 0: %s", code, out)
	}
	if values := strings.Fields(w.Read("out")); len(values) != 2 || len(values[1]) != 52 {
		t.Errorf("the sink holds %q, want two tokens", values)
	}
}

// whatWorksOnce loses the answer to a request with a single-use code: the code
// is not sent again, not even by a manual renewal unless forced.
func whatWorksOnce(t *testing.T, w *e2etest.World, place string) {
	t.Helper()
	if code, _, errs := w.Run("renew", "code"); code != 0 {
		t.Fatalf("new code: %s", errs)
	}
	fault(t, place, "lost-answer")
	for range 2 {
		if code, _, errs := w.Run("renew", "third"); code != 1 || !strings.Contains(errs, "--force") {
			t.Errorf("renew: got exit code %d, want 1 and advice: %s", code, errs)
		}
	}
	fault(t, place, "")
	if got := w.Status().States()["third"] + " " + w.Reason("third"); got != "failing network" {
		t.Errorf("got value %s", got)
	}
	if code, _, errs := w.Run("renew", "code"); code != 0 {
		t.Fatalf("new code: %s", errs)
	}
	if code, _, errs := w.Run("renew", "third", "--force"); code != 0 {
		t.Errorf("renew --force with a new code: got exit code %d, want 0: %s", code, errs)
	}
}
