// Package needs says which foreign tools a test wants.
//
// A test that proves something with a tool we did not write (a shell, systemd,
// promtool) skips where the tool is absent, naming it, so that the tests run
// everywhere. On the build machine every tool is installed and
// VIGENTE_REQUIRE_TOOLS=1 is set: there an absent tool is a failure, because a
// proof that is skipped in silence is none.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// RequireEnv is the environment variable that turns a skip into a failure.
const RequireEnv = "VIGENTE_REQUIRE_TOOLS"

// LongEnv is the environment variable that asks for the whole of each long
// search; without it a test takes a sample, so that everybody has an answer in
// minutes.
const LongEnv = "VIGENTE_LONG"

// Long reports whether long searches are wanted.
func Long() bool { return os.Getenv(LongEnv) == "1" }

// Tool returns the path of an executable, or ends the test: skipped, or failed
// where tools are required.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name)
	}
	return path
}

// Part is Tool for a test that can do the rest of its work without: it reports
// whether the executable is there. Where tools are required its absence is a
// failure.
func Part(t testing.TB, name string) (path string, found bool) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv(RequireEnv) == "1" {
		Missing(t, name)
	}
	if err != nil {
		t.Logf("%s is missing: that part is left out", name)
	}
	return path, err == nil
}

// Root ends the test unless it runs as root.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root")
	}
}

// Missing ends the test for want of what: skipped, or failed where tools are
// required. It is for wants that are more than an executable.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(RequireEnv) == "1" {
		t.Fatalf("%s is missing, and %s=1 asks for every tool", what, RequireEnv)
	}
	t.Skipf("%s is missing", what)
}
