package process

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// endGroup sends SIGTERM to a process group, and SIGKILL after the grace
// period.
func endGroup(ctx context.Context, group int, grace time.Duration) {
	_ = unix.Kill(-group, unix.SIGTERM)
	if !waitGone(ctx, group, grace) {
		_ = unix.Kill(-group, unix.SIGKILL)
		waitGone(ctx, group, killWait)
	}
}

// waitGone waits until a process group has no processes left, and reports whether
// that happened in time.
func waitGone(ctx context.Context, group int, patience time.Duration) bool {
	over, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for unix.Kill(-group, 0) != unix.ESRCH { //nolint:errorlint // a number
		if over.Err() != nil {
			return false
		}
		pause, cancel := context.WithTimeout(over, pollEvery)
		<-pause.Done()
		cancel()
	}
	return true
}
