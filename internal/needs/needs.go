// Package needs declares which external tools a test requires, and gives them
// addresses of their own.
//
// A test that relies on an external tool (a shell, systemd, promtool) is
// skipped where the tool is missing, so the tests run everywhere. The skip
// message names the tool. The build machine has every tool and sets
// VIGENTE_REQUIRE_TOOLS=1, which turns a missing tool into a failure: a
// silently skipped test proves nothing.
package needs

import (
	"os"
	"os/exec"
	"testing"
)

// RequireEnv is the environment variable that turns a skip into a failure.
const RequireEnv = "VIGENTE_REQUIRE_TOOLS"

// LongEnv is the environment variable that runs every long search in full.
// Without it, tests run a sample that finishes within minutes.
const LongEnv = "VIGENTE_LONG"

// Long reports whether long searches are to run in full.
func Long() bool { return os.Getenv(LongEnv) == "1" }

// Tool returns the path of an executable. If it is missing, Tool skips the
// test, or fails it where tools are required.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name)
	}
	return path
}

// Part is Tool for a test that can do the rest of its work without the
// executable: it reports whether the executable was found. Where tools are
// required, a missing executable fails the test.
func Part(t testing.TB, name string) (path string, found bool) {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv(RequireEnv) == "1" {
		Missing(t, name)
	}
	if err != nil {
		t.Logf("%s is missing: skipping the part that needs it", name)
	}
	return path, err == nil
}

// Root skips the test unless it runs as root, or fails it where tools are
// required.
func Root(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root")
	}
}

// Missing skips the test because something other than an executable is missing,
// or fails it where tools are required.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv(RequireEnv) == "1" {
		t.Fatalf("%s is missing, and %s=1 requires every tool", what, RequireEnv)
	}
	t.Skipf("%s is missing", what)
}
