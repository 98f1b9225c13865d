package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/vigented/vigente/daemon/view"
)

// Intervals of the messages to the service manager.
const (
	tellEvery = 5 * time.Second
	extendBy  = 30 * time.Second
)

func (d *Daemon) notify(state string) {
	if d.opt.Notify != nil {
		d.opt.Notify(state)
	}
}

// keepServiceManagerInformed sends READY once valid credentials are in their sinks
// and every other one has been tried. Then it sends the status line and, while the
// engine makes progress, watchdog messages. It sends STOPPING when running ends and
// returns when serving ends.
func (d *Daemon) keepServiceManagerInformed(serving, running context.Context) {
	if d.opt.Notify == nil {
		return
	}
	every := tellEvery
	if w := d.opt.WatchdogEvery; w > 0 {
		every = min(every, w/2)
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	starting, stopped := d.engine.Ready(), running.Done()
	for {
		select {
		case <-starting:
			if serving.Err() == nil && running.Err() == nil {
				d.announced.Store(true)
				d.notify("READY=1\n" + d.statusLine())
			}
			starting = nil
		case <-tick.C:
			if line := d.statusLine(); line != "" {
				d.notify("WATCHDOG=1\n" + line)
			}
			if starting != nil {
				d.notify(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extendBy.Microseconds()))
			}
		case <-stopped:
			d.notify("STOPPING=1")
			stopped = nil
		case <-serving.Done():
			return
		}
	}
}

// statusLine counts the states for the service manager. It is empty if the engine
// makes no progress, and then no watchdog message is sent either.
func (d *Daemon) statusLine() string {
	if !d.engine.Alive() {
		return ""
	}
	return "STATUS=" + view.ServiceLine(d.engine.Summary(), d.Config(), d.opt.ConfigPath)
}
