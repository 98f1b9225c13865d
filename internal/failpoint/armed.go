//go:build failpoints

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// The environment of a process that a test may kill: where to end it, as NAME
// or NAME@COUNT, and a file to which every name is appended as it is hit.
const (
	EnvKill  = "VIGENTE_FAILPOINT"
	EnvTrace = "VIGENTE_FAILPOINT_TRACE"
)

// order is what the environment asks for.
type order struct {
	name  string
	trace *os.File // nil without a trace

	mu   sync.Mutex
	left int // hits of name that are let pass
}

var given = sync.OnceValue(func() *order {
	name, count, counted := strings.Cut(os.Getenv(EnvKill), "@")
	o := &order{name: name}
	if counted {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			panic(EnvKill + ": the count is no number above 0")
		}
		o.left = n - 1
	}
	if path := os.Getenv(EnvTrace); path != "" {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_CLOEXEC, 0o600)
		if err != nil {
			panic(err)
		}
		o.trace = f
	}
	return o
})

// Hit writes the name into the trace, and ends the process when it is the one
// that was asked for. Nothing is flushed, closed or told to anybody.
func Hit(name string) { given().hit(name) }

func (o *order) hit(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.trace != nil {
		_, _ = o.trace.WriteString(name + "\n")
	}
	if name != o.name {
		return
	}
	if o.left > 0 {
		o.left--
		return
	}
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {} // The signal is on its way.
}
