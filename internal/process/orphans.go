package process

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Orphans reaps children that nothing in this process waits for. As PID 1 of a
// container, the daemon inherits the orphans of its children.
type Orphans struct{ seen map[int]bool }

// Reap reaps exited children that an earlier call has already seen, and reports
// whether any exited child is left. Our own children are waited for as soon as
// they exit, so one that is still there a second later is an orphan.
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

// zombies returns the children of this process that have exited.
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
		// PID (NAME) STATE PARENT: the name may contain any character.
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[0] == "Z" && fields[1] == strconv.Itoa(os.Getpid()) {
			list = append(list, pid)
		}
	}
	return list
}
