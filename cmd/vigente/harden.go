package main

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// harden keeps secrets out of core files, and the process closed to debuggers
// of its own user.
func harden() error {
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("switch core files off: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("close the process to debuggers: %w", err)
	}
	return nil
}
