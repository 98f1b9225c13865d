package process

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Harden keeps secrets out of core files, and this process closed to debuggers
// of its own user. The runner that it returns gives children the limit that
// there was before.
//
// Only the soft limit is lowered: a hard limit that is lowered cannot be raised
// again, and every server that a hook starts would inherit it.
func Harden() (*Runner, error) {
	r := &Runner{}
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &r.core.before); err != nil {
		return nil, fmt.Errorf("look at the limit of core files: %w", err)
	}
	r.core.lowered = true
	if err := r.core.lower(); err != nil {
		return nil, fmt.Errorf("switch core files off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("close the process to debuggers: %w", err)
	}
	return r, nil
}

// coreLimit is the limit of core files, which a child inherits at its start.
type coreLimit struct {
	lowered bool
	before  unix.Rlimit

	mu       sync.Mutex
	starting int
}

// raiseCore restores the limit until the returned function is called, for a
// child that is being started. This process leaves no core meanwhile either,
// since it is not dumpable. The lock is not held while a program is started,
// which may hang on its disk.
func (r *Runner) raiseCore() (lower func()) {
	if r == nil || !r.core.lowered {
		return func() {}
	}
	c := &r.core
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.starting++; c.starting == 1 {
		_ = unix.Setrlimit(unix.RLIMIT_CORE, &c.before)
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.starting--; c.starting == 0 {
			_ = c.lower()
		}
	}
}

func (c *coreLimit) lower() error {
	return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 0, Max: c.before.Max})
}
