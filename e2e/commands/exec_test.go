package commands

import (
	"os"
	"strings"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

const printers = `
[providers.local]
type = "exec"
[credentials.here]
provider = "local"
command = ["/bin/echo", '{"access_token":"abc","expires_in":"1h"}']
[credentials.gone]
provider = "local"
command = ["/nothing/prints-a-token"]
`

// TestDoctorLooksForEachCommand: doctor checks every command of a provider, not
// only the first, and does not report a backend that answers.
func TestDoctorLooksForEachCommand(t *testing.T) {
	w := e2etest.NewWorld(t, printers)
	code, out, _ := w.Run("doctor")
	if code != 1 {
		t.Errorf("got exit code %d, want 1", code)
	}
	if !strings.Contains(out, "its command /bin/echo can be run") {
		t.Errorf("the existing command is not reported:\n%s", out)
	}
	if !strings.Contains(out, "FAIL  credential gone") {
		t.Errorf("the missing command is not reported:\n%s", out)
	}
	if strings.Contains(out, "its backend answers") {
		t.Errorf("a command is reported as a backend:\n%s", out)
	}
}

// TestDoctorReadsTheFirstLineOfEveryScript: the kernel cannot start a script that was
// saved on Windows, whoever runs it.
func TestDoctorReadsTheFirstLineOfEveryScript(t *testing.T) {
	w := e2etest.NewWorld(t, `on_failure = { command = ["{dir}/daemon.sh"] }
[providers.local]
type = "exec"
[credentials.here]
provider = "local"
command = ["{dir}/token.sh"]
on_failure = { command = ["/nothing/tells"] }
[sinks.out]
type = "file"
path = "{dir}/out"
content = "${here.token}"
on_change = { command = ["{dir}/change.sh"] }
`)
	for _, name := range []string{"daemon.sh", "token.sh", "change.sh"} {
		w.Write(name, "#!/bin/sh\r\necho token\r\n")
		e2etest.Must(t, os.Chmod(w.Path(name), 0o755))
	}
	code, out, _ := w.Run("doctor")
	for _, want := range []string{"FAIL  on_failure: " + w.Path("daemon.sh") + " has Windows", "FAIL  credential here: ", "token.sh has Windows", "FAIL  hook out: ", "change.sh has Windows", "FAIL  on_failure here: /nothing/tells: not found"} {
		if code != 1 || !strings.Contains(out, want) {
			t.Errorf("exit code %d, want 1 and %q in\n%s", code, want, out)
		}
	}
}

// TestAnUnreadableEndIsNoFailure: a token whose expiry cannot be parsed is
// used, and the advice is about the expiry.
func TestAnUnreadableEndIsNoFailure(t *testing.T) {
	w := e2etest.NewWorld(t, strings.Split(printers, "[credentials.gone]")[0])
	if code, _, errs := w.Run("run", "--once"); code != 0 {
		t.Errorf("run --once: got exit code %d, want 0:\n%s", code, errs)
	}
	w.Start()
	_, out, _ := w.Run("status")
	if !strings.Contains(out, "set max_age to it") {
		t.Errorf("status does not advise max_age:\n%s", out)
	}
	if strings.Contains(out, "is not the expected service") {
		t.Errorf("status blames the service:\n%s", out)
	}
	if _, out, errs := w.Run("explain", "here", "--stderr"); out != "" || !strings.Contains(errs, "has not written to stderr") {
		t.Errorf("explain --stderr: got %q and %q, want a note", out, errs)
	}
}
