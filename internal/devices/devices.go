// Package devices bounds the work on file systems that may hang.
//
// A call to a file server that is away does not come back, and its thread is
// lost until it does. Each device therefore has a budget of threads. A device
// on which one call has not come back for a few seconds gets at most one more
// thread for each kind of work, as a probe, until it answers. Callers wait for
// no call beyond those seconds, and a device that hangs holds up no other.
//
// Which device a path lies on comes from the table of mounts, since asking the
// file system itself could hang as well.
package devices

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Work is a kind of work on files. Each has a probe of its own on a device that
// hangs.
type Work uint8

// The kinds of work.
const (
	Look      Work = iota // compare what is there with what should be
	Deliver               // write, and remove what a crash left
	Preflight             // find out whether a write would succeed
	Configure             // read the configuration and what it refers to
	works
)

// Bounds of the work on one device.
const (
	threads = 8
	// HangsAfter is how long a call may take. A device with one that takes
	// longer is taken for one that hangs.
	HangsAfter = 5 * time.Second
	// probeTime is how long a probe is waited for.
	probeTime = time.Second
)

// HangingError says that a file system does not answer.
type HangingError struct{ Point string }

// Error names the file system by its mount point.
func (e *HangingError) Error() string {
	return fmt.Sprintf("the file system at %s does not answer (is it a network file system whose server is away?)", e.Point)
}

// Timeout implements the interface of net.Error and os.IsTimeout.
func (e *HangingError) Timeout() bool { return true }

// Pool holds the budgets. Its methods may be called from any goroutine.
type Pool struct {
	mounts func() *Table

	mu      sync.Mutex
	devices map[string]*device
}

// New returns a pool for the mounts of this process.
func New() *Pool { return newPool((&source{}).table) }

func newPool(mounts func() *Table) *Pool {
	return &Pool{mounts: mounts, devices: map[string]*device{}}
}

// Mounts returns the present mounts.
func (p *Pool) Mounts() *Table { return p.mounts() }

// Run calls f, which works on the file or folder at path, within the budget of
// the device that the path leads to. When the device hangs, or ctx ends, Run
// returns at once; f may go on then, with a context that has ended, and its
// result is dropped.
func Run[T any](ctx context.Context, p *Pool, w Work, path string, f func(context.Context) (T, error)) (T, error) {
	return run(ctx, p, w, start(p.mounts(), path, false), func(ctx context.Context, _ Place) (T, error) { return f(ctx) })
}

// run follows the route from device to device, and calls f where it ends.
func run[T any](ctx context.Context, p *Pool, w Work, r route, f func(context.Context, Place) (T, error)) (T, error) {
	for {
		table := p.mounts()
		on := table.Of(r.done)
		got, err := call(ctx, p, on, w, func(ctx context.Context) (step[T], error) {
			s := step[T]{route: r}
			here, err := s.route.follow(table, on)
			if err != nil || !here {
				return s, err
			}
			s.here = true
			s.value, err = f(ctx, Place{s.route.done, on, s.route.entries})
			return s, err
		})
		if err != nil || got.here {
			return got.value, err
		}
		r = got.route
	}
}

// step is what the work on one device leads to: the result, or the way to
// another device.
type step[T any] struct {
	route route
	value T
	here  bool
}

func (p *Pool) device(m Mount) *device {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.devices[m.Device]
	if d == nil {
		d = &device{running: map[*visit]bool{}, changed: make(chan struct{})}
		p.devices[m.Device] = d
	}
	return d
}

// result is the end of a call.
type result[T any] struct {
	value T
	err   error
	panic any
}

// call runs f on a thread of the device and waits as long as an answer may
// take.
func call[T any](ctx context.Context, p *Pool, m Mount, w Work, f func(context.Context) (T, error)) (T, error) {
	var none T
	d := p.device(m)
	v, err := d.enter(ctx, w)
	switch {
	case err != nil:
		return none, err
	case v == nil:
		return none, &HangingError{m.Point}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan result[T], 1)
	go func() {
		var r result[T]
		defer func() {
			r.panic = recover()
			d.leave(v)
			ended <- r
		}()
		r.value, r.err = f(ctx)
	}()
	patience := HangsAfter
	if v.probe {
		patience = probeTime // the device is known to hang
	}
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case r := <-ended:
		if r.panic != nil {
			panic(r.panic) // as if f had been called here
		}
		return r.value, r.err
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-limit.C:
		return none, &HangingError{m.Point}
	}
}
