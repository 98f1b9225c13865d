package eventlog

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// clockFarOff is how far the clocks of a backend and of this machine may differ
// before that is logged. The alert has the same limit.
const clockFarOff = 2 * time.Minute

// Clocks logs once that a backend's clock and ours differ, and once that they
// agree again. It is safe for concurrent use.
type Clocks struct {
	log *zap.Logger

	mu  sync.Mutex
	off map[string]bool // by provider
}

// NewClocks returns a Clocks without any observation.
func NewClocks(log *zap.Logger) *Clocks {
	return &Clocks{log: log, off: map[string]bool{}}
}

// Note records what one answer showed: the server's clock minus ours.
func (c *Clocks) Note(provider string, offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	far := offset.Abs() > clockFarOff
	if far == c.off[provider] {
		return
	}
	c.off[provider] = far
	if !far {
		c.log.Info("clocks agree again", zap.String("provider", provider))
		return
	}
	which := "ahead of"
	if offset < 0 {
		which = "behind"
	}
	c.log.Warn("clocks differ", zap.String("provider", provider),
		zap.String("detail", "its clock is "+offset.Abs().Round(time.Second).String()+" "+which+" ours: one of the two is wrong; check the time synchronization of this machine (timedatectl)"))
}
