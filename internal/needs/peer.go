package needs

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Peer starts another project's server, which prints its address on a line and
// exits when stdin closes, and returns the address. The server ends with the test.
func Peer(t testing.TB, server *exec.Cmd) (address string) {
	t.Helper()
	server.Stderr = t.Output()
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = server.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("read the address of %s: %v", server, err)
	}
	return strings.TrimSpace(line)
}

// Program builds the program of another module in a folder of tests. Go downloads what
// the module requires; if that is missing, the test treats it like a missing tool.
func Program(t testing.TB, folder string) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), filepath.Base(folder))
	build := exec.CommandContext(t.Context(), Tool(t, "go"), "build", "-C", folder, "-mod=readonly", "-o", binary, ".") //nolint:gosec // a folder of our tests
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Logf("%s: %v\n%s", build, err, out)
		Missing(t, "the modules of "+folder+" (go build -C "+folder+")")
	}
	return binary
}
