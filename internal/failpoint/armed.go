//go:build failpoints

package failpoint

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// Environment variables of a process under test. EnvKill says where to kill it,
// as NAME or NAME@COUNT. EnvSince names a file: hits count once it exists, so
// that a test can count from a moment of its choice. EnvTrace names a file to
// which every failpoint is appended when it is hit.
const (
	EnvKill  = "VIGENTE_FAILPOINT"
	EnvSince = "VIGENTE_FAILPOINT_SINCE"
	EnvTrace = "VIGENTE_FAILPOINT_TRACE"
)

// order is what the environment asks for.
type order struct {
	name  string
	since string   // empty counts from the start
	trace *os.File // nil without a trace

	mu   sync.Mutex
	left int // hits of name to let pass
}

var given = sync.OnceValue(func() *order {
	name, count, counted := strings.Cut(os.Getenv(EnvKill), "@")
	o := &order{name: name, since: os.Getenv(EnvSince)}
	if counted {
		n, err := strconv.Atoi(count)
		if err != nil || n < 1 {
			panic(EnvKill + ": the count is not a positive integer")
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

// Hit appends the name to the trace and kills the process if it is the name
// asked for. Nothing is flushed, closed or logged.
func Hit(name string) { given().hit(name) }

func (o *order) hit(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.trace != nil {
		_, _ = o.trace.WriteString(name + "\n")
	}
	if name != o.name || !o.begun() {
		return
	}
	if o.left > 0 {
		o.left--
		return
	}
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {} // The signal is on its way.
}

// begun reports whether hits count already.
func (o *order) begun() bool {
	if o.since == "" {
		return true
	}
	_, err := os.Lstat(o.since)
	return err == nil
}
