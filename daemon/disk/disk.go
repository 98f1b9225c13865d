// Package disk limits the work of file sinks per device, so that a hanging
// device delays no other sink, no renewal and not the daemon's shutdown.
package disk

import (
	"context"
	"errors"
	"io/fs"
	"sync"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/sinks"
)

// Sink is a sink whose work is limited.
type Sink struct {
	pool *devices.Pool
	path string
	sink credential.Sink

	mu sync.Mutex
	// writing is set during a delivery, even after its caller has left. late is
	// set if such a write changed the file after all.
	writing, late bool
}

// New limits the work of a sink on the file at path.
func New(pool *devices.Pool, path string, sink credential.Sink) *Sink {
	return &Sink{pool: pool, path: path, sink: sink}
}

// Deliver implements credential.Sink. If the device hangs, it returns although
// the write may finish later. Until then the sink starts no other write,
// because the hanging one has an older value. If that write changes the file
// after all, the next delivery reports a change, so that the hook runs.
func (s *Sink) Deliver(ctx context.Context, set credential.Set) (bool, error) {
	if !s.begin() {
		return false, s.fault("write", &devices.HangingError{Point: s.pool.Mounts().Of(s.path).Point})
	}
	w := &write{sink: s}
	changed, err := devices.Run(ctx, s.pool, devices.Deliver, s.path, func(ctx context.Context) (changed bool, err error) {
		if !w.start() {
			return false, context.Cause(ctx)
		}
		defer func() { w.end(changed) }()
		return s.sink.Deliver(ctx, set)
	})
	w.leave()
	return s.alsoLate(changed, err), s.fault("write", err)
}

func (s *Sink) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing {
		return false
	}
	s.writing = true
	return true
}

// alsoLate adds the change of an earlier write to a successful delivery.
func (s *Sink) alsoLate(changed bool, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.late {
		s.late, changed = false, true
	}
	return changed
}

// write is one delivery, whose caller may leave before it ends. The lock of the
// sink guards it.
type write struct {
	sink                *Sink
	started, ended, off bool
}

// start reports whether the caller is still waiting for the write.
func (w *write) start() bool {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	w.started = !w.off
	return w.started
}

func (w *write) end(changed bool) {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	w.ended = true
	if w.off {
		w.sink.writing = false
		w.sink.late = w.sink.late || changed
	}
}

// leave records that the caller no longer waits.
func (w *write) leave() {
	w.sink.mu.Lock()
	defer w.sink.mu.Unlock()
	w.off = true
	if w.ended || !w.started {
		w.sink.writing = false
	}
}

// Preflight implements credential.Preflighter. A sink without a preflight is
// assumed to succeed.
func (s *Sink) Preflight(ctx context.Context) error {
	p, ok := s.sink.(credential.Preflighter)
	if !ok {
		return nil
	}
	_, err := devices.Run(ctx, s.pool, devices.Preflight, s.path, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, p.Preflight(ctx)
	})
	return s.fault("write", err)
}

// WouldChange implements sinks.Forecaster. A sink without a forecast is assumed
// to write.
func (s *Sink) WouldChange(ctx context.Context, set credential.Set) (bool, error) {
	f, ok := s.sink.(sinks.Forecaster)
	if !ok {
		return true, nil
	}
	change, err := devices.Run(ctx, s.pool, devices.Preflight, s.path, func(ctx context.Context) (bool, error) {
		return f.WouldChange(ctx, set)
	})
	return change, s.fault("read", err)
}

// Inspector returns an inspector for the file of the sink, or nil if the sink
// cannot be inspected.
func (s *Sink) Inspector() sinks.Inspector {
	if _, ok := s.sink.(sinks.Inspector); !ok {
		return nil
	}
	return (*inspector)(s)
}

// inspector is a Sink that can be inspected. It is not a type of its own in memory,
// since every file of a fleet has one.
type inspector Sink

func (i *inspector) kind() sinks.Inspector { return i.sink.(sinks.Inspector) } //nolint:forcetypeassert // checked by Inspector

// Values implements sinks.Inspector.
func (i *inspector) Values(set credential.Set) (map[string]credential.Secret, error) {
	return i.kind().Values(set)
}

// Inspect implements sinks.Inspector.
func (i *inspector) Inspect(ctx context.Context, set credential.Set) (sinks.Finding, error) {
	f, err := devices.Run(ctx, i.pool, devices.Look, i.path, func(ctx context.Context) (sinks.Finding, error) {
		return i.kind().Inspect(ctx, set)
	})
	return f, (*Sink)(i).fault("read", err)
}

// OnDevice calls f on a thread of the file's device. If the device hangs, it returns
// an error although f may still run.
func (i *inspector) OnDevice(ctx context.Context, f func(context.Context)) error {
	_, err := devices.Run(ctx, i.pool, devices.Look, i.path, func(ctx context.Context) (struct{}, error) {
		f(ctx)
		return struct{}{}, nil
	})
	return (*Sink)(i).fault("read", err)
}

// Glance implements sinks.Glancer, without a limit: see OnDevice.
func (i *inspector) Glance(set credential.Set) (mark uint64, same bool) {
	g, ok := i.sink.(sinks.Glancer)
	if !ok {
		return 0, false
	}
	return g.Glance(set)
}

// fault classifies what prevented the work. The faults of the sink itself stay.
func (s *Sink) fault(verb string, err error) error {
	if hangs, ok := errors.AsType[*devices.HangingError](err); ok {
		return &credential.Fault{Reason: credential.ReasonTimeout, Err: err, Message: verb + " " + s.path + ": " + hangs.Error()}
	}
	if _, own := errors.AsType[*credential.Fault](err); own {
		return err
	}
	if errors.Is(err, devices.ErrLinks) {
		return sinks.Faultf(err, "%s %s: too many symbolic links (is there a loop?)", verb, s.path)
	}
	if link, ok := errors.AsType[*fs.PathError](err); ok {
		return sinks.Faultf(err, "%s %s: %v (correct the path)", verb, s.path, link.Err)
	}
	return err
}
