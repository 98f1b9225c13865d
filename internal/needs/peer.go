package needs

import (
	"bufio"
	"os/exec"
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
