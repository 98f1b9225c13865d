// Package devices bounds the work on file systems that may hang.
//
// A call to an unreachable file server does not return, and its thread is lost
// until it does. Each device therefore has a limited number of threads. If a
// call on a device has not returned after a few seconds, the device gets at
// most one more thread per kind of work, as a probe, until it answers. No
// caller waits longer than those few seconds, and a hanging device does not
// delay the others.
//
// The mount table says which device a path is on, because asking the file
// system itself could hang as well.
package devices

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// Work is a kind of work on files. On a hanging device, each kind has its own
// probe.
type Work uint8

// The kinds of work.
const (
	Look      Work = iota // compare the current content with the wanted one
	Deliver               // write, and remove what a crash left behind
	Preflight             // check whether a write would succeed
	Configure             // read the configuration and the files it refers to
	works
)

// Limits for the work on one device.
const (
	threads = 8
	// HangsAfter is how long a call may take before its device is considered
	// hanging.
	HangsAfter = 5 * time.Second
	// probeTime is how long to wait for a probe.
	probeTime = time.Second
)

// HangingError means a file system does not answer.
type HangingError struct{ Point string }

// Error names the file system by its mount point.
func (e *HangingError) Error() string {
	return fmt.Sprintf("the file system at %s does not answer (is it a network file system whose server is unreachable?)", e.Point)
}

// Timeout implements the method that net.Error and os.IsTimeout look for.
func (e *HangingError) Timeout() bool { return true }

// Pool limits the work on every device. It is safe for concurrent use.
type Pool struct {
	mounts func() *Table

	mu      sync.Mutex
	devices map[string]*device
}

// New returns a pool that uses the mount table of this process.
func New() *Pool { return newPool((&source{}).table) }

func newPool(mounts func() *Table) *Pool {
	return &Pool{mounts: mounts, devices: map[string]*device{}}
}

// Mounts returns the current mount table.
func (p *Pool) Mounts() *Table { return p.mounts() }

// Run calls f, which works on the file or folder at path, within the limits of
// the device that path is on. If the device hangs or ctx is cancelled, Run
// returns at once; f may still be running then, with a cancelled context, and
// its result is discarded.
func Run[T any](ctx context.Context, p *Pool, w Work, path string, f func(context.Context) (T, error)) (T, error) {
	return run(ctx, p, w, start(p.mounts(), path, false), func(ctx context.Context, _ Place) (T, error) { return f(ctx) })
}

// run follows the route from device to device, and calls f at its end.
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

// step is the outcome of the work on one device: the result, or the route to
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
		d = &device{running: map[*runningCall]bool{}}
		p.devices[m.Device] = d
	}
	return d
}

// result is the outcome of a call.
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
	timeout := HangsAfter
	if v.probe {
		timeout = probeTime // the device is known to hang
	}
	limit := time.NewTimer(timeout)
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
