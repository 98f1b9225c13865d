package e2etest

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
)

// Memory returns the peak resident memory of the daemon in KiB.
func (w *World) Memory() int {
	w.T.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.Daemon.Cmd.Process.Pid))
	found := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if err != nil || found == nil {
		w.T.Fatalf("no memory in /proc: %v", err)
	}
	n, err := strconv.Atoi(string(found[1]))
	if err != nil {
		w.T.Fatal(err)
	}
	return n
}
