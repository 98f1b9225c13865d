package devices

import (
	"context"
	"sync"
	"time"
)

// device limits the calls on one device.
type device struct {
	mu      sync.Mutex
	running map[*runningCall]bool
	changed chan struct{} // closed when a call returns; nil while nobody waits for one
}

// runningCall is one call in progress.
type runningCall struct {
	work  Work
	begun time.Time
	probe bool
}

// enter waits until the call may be made. It returns nil if the device hangs.
func (d *device) enter(ctx context.Context, w Work) (*runningCall, error) {
	for {
		v, changed, wait := d.admit(time.Now(), w)
		switch {
		case v != nil || wait <= 0:
			return v, nil
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		}
		timer.Stop()
	}
}

// admit lets a call in, or returns what to wait for and how long. A wait of
// zero means waiting is useless, because the device hangs.
func (d *device) admit(now time.Time, w Work) (v *runningCall, changed <-chan struct{}, wait time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	age := d.oldest(now)
	hangs := age >= HangsAfter
	if !hangs && len(d.running) < threads {
		v = &runningCall{work: w, begun: now}
		d.running[v] = true
		return v, nil, 0
	}
	if !hangs {
		return nil, d.nextChange(), HangsAfter - age
	}
	for other := range d.running {
		if other.probe && other.work == w {
			return nil, d.nextChange(), probeTime - now.Sub(other.begun)
		}
	}
	v = &runningCall{work: w, begun: now, probe: true}
	d.running[v] = true
	return v, nil, 0
}

// oldest returns how long the oldest call has been running.
func (d *device) oldest(now time.Time) (age time.Duration) {
	for v := range d.running {
		age = max(age, now.Sub(v.begun))
	}
	return age
}

func (d *device) leave(v *runningCall) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.running, v)
	if d.changed != nil {
		close(d.changed)
		d.changed = nil
	}
}

// nextChange returns the channel that is closed when the next call returns.
func (d *device) nextChange() <-chan struct{} {
	if d.changed == nil {
		d.changed = make(chan struct{})
	}
	return d.changed
}
