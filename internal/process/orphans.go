package process

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Orphans reaps children that nobody in this process waits for: as process 1 of
// a container it inherits what its children leave behind.
type Orphans struct{ seen map[int]bool }

// Reap reaps the ended children that an earlier call saw already, and reports
// whether any ended one is left. Our own children are waited for in the moment
// of their end: one that is still there a second later is an orphan.
func (o *Orphans) Reap() (left bool) {
	seen := map[int]bool{}
	for _, pid := range zombies() {
		if o.seen[pid] {
			if n, _ := unix.Wait4(pid, nil, unix.WNOHANG, nil); n == pid {
				continue
			}
		}
		seen[pid] = true
	}
	o.seen = seen
	return len(seen) > 0
}

// zombies returns the children of this process that have ended.
func zombies() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var list []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		// PID (NAME) STATE PARENT: the name may hold anything.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[0] == "Z" && fields[1] == strconv.Itoa(os.Getpid()) {
			list = append(list, pid)
		}
	}
	return list
}
