package process

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Harden keeps secrets out of core files and prevents other processes of the
// same user from attaching a debugger. The Runner it returns gives children the
// previous core file limit.
//
// Only the soft limit is lowered: a lowered hard limit cannot be raised again,
// and every server that a hook starts would inherit it.
func Harden() (*Runner, error) {
	r := &Runner{}
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &r.core.before); err != nil {
		return nil, fmt.Errorf("read the core file limit: %w", err)
	}
	r.core.lowered = true
	if err := r.core.lower(); err != nil {
		return nil, fmt.Errorf("disable core files: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return nil, fmt.Errorf("make the process undumpable: %w", err)
	}
	return r, nil
}

// coreLimit is the core file limit that children inherit when they start.
type coreLimit struct {
	lowered bool
	before  unix.Rlimit

	mu       sync.Mutex
	starting int
}

// raiseCore restores the limit while a child starts, until the returned
// function is called. This process still writes no core file, because it is not
// dumpable. The lock is not held while a program starts, since that may hang on
// its disk.
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
