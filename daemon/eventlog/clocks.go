package eventlog

import (
	"sync"
	"time"

	"go.uber.org/zap"
)

// clockFarOff is how far the clocks of a backend and of this machine may be
// apart before it is worth a line in the log; the alert has the same bound.
const clockFarOff = 2 * time.Minute

// Clocks says once that a backend's clock and ours are far apart, and once
// that they agree again. Every answer comes by, from any goroutine.
type Clocks struct {
	log *zap.Logger

	mu  sync.Mutex
	off map[string]bool // by provider
}

// NewClocks returns one that has heard of no backend yet.
func NewClocks(log *zap.Logger) *Clocks {
	return &Clocks{log: log, off: map[string]bool{}}
}

// Note takes in what one answer showed: the server's clock minus ours.
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
		zap.String("detail", "its clock is "+offset.Abs().Round(time.Second).String()+" "+which+" ours: one of the two is wrong; look at the time service of this machine (timedatectl)"))
}
