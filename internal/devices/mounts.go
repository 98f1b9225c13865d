package devices

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Mount is a line of mountinfo (proc_pid_mountinfo(5)).
type Mount struct {
	Device   string // major and minor number
	Root     string // the part of the device that is mounted
	Point    string
	Type     string // of the file system
	ReadOnly bool
}

// Table is the mount table at one moment.
type Table struct{ byPoint map[string]Mount }

// NewTable parses the text of mountinfo. A later mount at the same point hides
// an earlier one.
func NewTable(text string) *Table {
	t := &Table{byPoint: map[string]Mount{}}
	unescape := strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`)
	for line := range strings.Lines(text) {
		before, after, _ := strings.Cut(line, " - ")
		f := strings.Fields(before)
		if len(f) < 6 {
			continue
		}
		m := Mount{Device: f[2], Root: unescape.Replace(f[3]), Point: unescape.Replace(f[4])}
		m.ReadOnly = f[5] == "ro" || strings.HasPrefix(f[5], "ro,")
		m.Type, _, _ = strings.Cut(after, " ")
		t.byPoint[m.Point] = m
	}
	return t
}

// Of returns the mount with the longest mount point above a cleaned absolute
// path, or a mount that has only the point / if no line matches.
func (t *Table) Of(path string) Mount {
	for {
		if m, ok := t.byPoint[path]; ok {
			return m
		}
		above := filepath.Dir(path)
		if above == path {
			return Mount{Point: "/"}
		}
		path = above
	}
}

// At returns the mount whose mount point is path.
func (t *Table) At(path string) (Mount, bool) {
	m, ok := t.byPoint[path]
	return m, ok
}

// Differing returns the mount points at which two tables differ.
func (t *Table) Differing(from *Table) (points []string) {
	for point, m := range t.byPoint {
		if from.byPoint[point] != m {
			points = append(points, point)
		}
	}
	for point := range from.byPoint {
		if _, still := t.byPoint[point]; !still {
			points = append(points, point)
		}
	}
	return points
}

// mountsEvery is how often to check the mount table for changes.
const mountsEvery = time.Second

// source keeps the mount table of this process up to date. Polling the open
// file tells whether it has changed, so it is read only then.
type source struct {
	mu      sync.Mutex
	file    *os.File
	checked time.Time
	last    *Table
}

func (s *source) table() *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.last != nil && now.Sub(s.checked) < mountsEvery {
		return s.last
	}
	s.checked = now
	if s.file == nil {
		// Without the table, everything counts as one device.
		s.file, _ = os.Open(mountinfo)
	}
	if s.last == nil || s.changed() {
		text, _ := os.ReadFile(mountinfo)
		s.last = NewTable(string(text))
	}
	return s.last
}

const mountinfo = "/proc/self/mountinfo"

func (s *source) changed() bool {
	if s.file == nil {
		return true
	}
	poll := []unix.PollFd{{Fd: int32(s.file.Fd()), Events: unix.POLLPRI}} //nolint:gosec // descriptors are small
	n, err := unix.Poll(poll, 0)
	return err != nil || n > 0
}
