package providertest

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
)

// commandFile is the script of a command suite, in {dir}.
const commandFile = "command"

// RunCommand checks a kind that runs a command against the contract. The
// suite's credential runs the script {dir}/command, one of its Files, which
// prints a token in the form that the key output names. Backend is not used.
// Answers are recorded outputs: see recordedOutputs.
func RunCommand(t *testing.T, s Suite) {
	t.Helper()
	good := s.Files[commandFile]
	dir := s.writeFiles(t)
	c := commandSuite{Suite: s, script: filepath.Join(dir, commandFile)}
	t.Run("success", func(t *testing.T) { c.succeeds(t, good) })
	t.Run("every prefix", func(t *testing.T) { c.prefixes(t, good) })
	for _, d := range commandFailures(good) {
		t.Run(d.name, func(t *testing.T) { c.fail(t, d) })
	}
	t.Run("outputs", c.recordedOutputs)
}

// commandSuite is a suite with the path of its script.
type commandSuite struct {
	Suite
	script string
}

// commandFailure is one way in which any command may fail.
type commandFailure struct {
	name, script string
	within       time.Duration // generous for any command that exits; a default if zero
	cancel       bool          // the daemon stops during the run
	gone         bool          // the script does not exist
	want         credential.Reason
}

// commandFailures lists them, with "" where a token is expected.
func commandFailures(good string) []commandFailure {
	const (
		badResponse = credential.ReasonBadResponse
		internal    = credential.ReasonInternal
		moment      = 300 * time.Millisecond
		// whatever prints everything a command receives.
		whatever = "env; cat; echo " + Canary + "; env >&2; echo " + Canary + " >&2\n"
	)
	return []commandFailure{
		{name: "silence", script: "sleep 60\n", within: moment, want: credential.ReasonTimeout},
		{name: "deaf to SIGTERM", script: "trap '' TERM; sleep 60; sleep 60\n", within: moment, want: credential.ReasonTimeout},
		{name: "silence of a child", script: "sleep 60 & wait\n", within: moment, want: credential.ReasonTimeout},
		{name: "a good output and then silence", script: good + "sleep 60\n", within: moment, want: credential.ReasonTimeout},
		{name: "daemon stops", script: "sleep 60\n", cancel: true, want: credential.ReasonCancelled},
		{name: "a child that keeps the output open", script: "sleep 60 &\n" + good, want: ""},
		{name: "exit code 75", script: good + "exit 75\n", want: credential.ReasonServer},
		{name: "exit code 77", script: good + "exit 77\n", want: credential.ReasonRejected},
		{name: "exit code 1", script: good + "exit 1\n", want: internal},
		{name: "exit code 255", script: good + "exit 255\n", want: internal},
		{name: "killed", script: good + "kill -9 $$\n", want: internal},
		{name: "not there", gone: true, want: internal},
		{name: "tells all it knows, and fails", script: whatever + "exit 1\n", want: internal},
		{name: "tells all it knows, and is refused", script: whatever + "exit 77\n", want: credential.ReasonRejected},
		{name: "tells all it knows in place of a token", script: whatever, want: badResponse},
		{name: "a long complaint beside a token", script: "head -c 1000000 /dev/zero | tr '\\0' C >&2\n" + good, want: ""},
		{name: "nothing", script: ":\n", want: badResponse},
		{name: "blanks", script: "printf ' \\r\\n\\t'\n", want: badResponse},
		{name: "a page", script: "echo '<!DOCTYPE html><title>" + Canary + "</title>'\n", want: badResponse},
		{name: "a sentence", script: "echo 'Please log in, " + Canary + "'\n", want: badResponse},
		{name: "too much", script: "head -c 70000 /dev/zero | tr '\\0' C\n", want: badResponse},
		{name: "for ever", script: "while :; do echo " + Canary + "; done\n", want: badResponse},
		{name: "zero bytes", script: "printf 'a\\0b'\n", want: badResponse},
		{name: "bytes that are no text", script: "printf '\\377\\376\\201'\n", want: badResponse},
		{name: "null", script: "echo null\n", want: badResponse},
		{name: "array", script: "echo '[\"" + Canary + "\"]'\n", want: badResponse},
		{name: "another object", script: "echo '{\"" + Canary + "\":1}'\n", want: badResponse},
		{name: "deep nesting", script: "head -c 20000 /dev/zero | tr '\\0' '['\n", want: badResponse},
	}
}

// write replaces the script.
func (c commandSuite) write(t testing.TB, script string) {
	t.Helper()
	if err := os.WriteFile(c.script, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
}

// attempt runs the command once and checks the rules that apply to every
// outcome.
func (c commandSuite) attempt(ctx context.Context, t testing.TB) (providers.Binding, credential.Credential, error) {
	t.Helper()
	b := c.Open(t, providers.Env{Location: time.UTC, Warn: func(string) {}})
	req := c.Request
	if req.At.IsZero() {
		req.At = time.Now()
	}
	cred, err := b.Source.Refresh(ctx, req)
	if err != nil {
		c.checkFault(t, nil, cred, err)
		return b, cred, err
	}
	c.checkSuccess(t, b, req.At, cred)
	return b, cred, nil
}

// succeeds checks a successful run.
func (c commandSuite) succeeds(t *testing.T, good string) {
	c.write(t, good)
	b, cred, err := c.attempt(t.Context(), t)
	if err != nil {
		t.Fatalf("working command: %v", err)
	}
	for name := range cred.Values {
		if !slices.Contains(b.Fields, name) {
			t.Errorf("value %q is missing in the binding's fields %q", name, b.Fields)
		}
	}
}

// prefixes cuts the good output at every byte: incomplete JSON must not yield a
// token.
func (c commandSuite) prefixes(t *testing.T, good string) {
	whole := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(good, "printf %s '"), "'\n"))
	if whole == good || !strings.HasPrefix(whole, "{") {
		t.Fatalf("the good script must be printf %%s '{…}' and a line break, not %q", good)
	}
	for i := range whole {
		c.write(t, "printf %s '"+whole[:i]+"'\n")
		if _, _, err := c.attempt(t.Context(), t); err == nil {
			t.Errorf("the first %d of %d bytes were accepted as a token", i, len(whole))
		}
	}
}

// fail checks one of them.
func (c commandSuite) fail(t *testing.T, d commandFailure) {
	c.write(t, d.script)
	if d.gone {
		c.Credential = strings.ReplaceAll(c.Credential, `"/bin/sh"`, `"/nonexistent/sh"`)
	}
	within := timeout
	if d.within > 0 {
		within = d.within
	}
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	if d.cancel {
		inner, cancel := context.WithCancel(ctx)
		timer := time.AfterFunc(50*time.Millisecond, cancel)
		defer timer.Stop()
		ctx = inner
	}
	_, _, err := c.attempt(ctx, t)
	if d.want == "" {
		if err != nil {
			t.Errorf("got %v, want a token", err)
		}
		return
	}
	c.expect(t, err, []credential.Reason{d.want}, nil)
}

// recordedOutputs checks every file in the suite's folder of recorded outputs.
// A file contains what a command printed and is named REASON--what-it-is.FORM
// or ok--what-it-is.FORM, where FORM is the value of the key output.
func (c commandSuite) recordedOutputs(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(c.Answers, "*--*.*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded outputs in %q", c.Answers)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		form := strings.TrimPrefix(filepath.Ext(file), ".")
		t.Run(filepath.Base(file), func(t *testing.T) {
			c := c
			c.write(t, "cat '"+filepath.Join(here, file)+"'\n")
			c.Credential += "\noutput = \"" + form + "\"\n"
			_, _, err := c.attempt(t.Context(), t)
			reason, _, _ := strings.Cut(filepath.Base(file), "--")
			if reason != "ok" {
				c.expect(t, err, []credential.Reason{credential.Reason(reason)}, nil)
			} else if err != nil {
				t.Errorf("got %v, want a credential", err)
			}
		})
	}
}
