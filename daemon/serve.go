package daemon

import (
	"context"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/eventlog"
	"github.com/vigented/vigente/daemon/sinkfiles"
	"github.com/vigented/vigente/daemon/web"
)

// Run works until ctx ends. Metrics, health and the control socket answer
// before the first call to a backend.
func (d *Daemon) Run(ctx context.Context) error {
	defer d.Close() //nolint:contextcheck // closing has its own timeout
	d.sweep(ctx, d.engine.Ready())
	d.listener.Serve(ctx, listening(d.cfg.Daemon))
	defer d.listener.Close()
	socket, err := control.Listen(d.cfg.Daemon.ControlSocket)
	if err != nil {
		return err
	}
	var parts sync.WaitGroup
	defer join(&parts)
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	parts.Go(func() {
		if err := control.Serve(serving, socket, d, d.log); err != nil {
			d.log.Error("control socket failed", zap.Error(err))
		}
	})
	parts.Go(func() { d.listener.Keep(serving) })
	parts.Go(func() { d.keepServiceManagerInformed(serving, ctx) })
	parts.Go(func() { d.watch(ctx) })
	parts.Go(func() { d.tellReady(ctx) })
	parts.Go(func() {
		// The watch ends with the engine.
		d.sinkFiles.Run(ctx, d.engine.Ready(), func(names []string) { _ = d.engine.Suspect(ctx, names) })
	})
	parts.Go(func() { eventlog.WarnOfLimits(ctx, d.log, d.engine, d.listenerLimits) })
	parts.Go(func() { d.notifier.Run(ctx) })
	defer d.member.Run(ctx)()
	_, credentials, sinks := d.loaded.Count()
	d.log.Info("daemon started", zap.String("version", d.opt.Version), zap.String("config", d.opt.ConfigPath),
		zap.Int("credentials", credentials), zap.Int("sinks", sinks), zap.String("listen", d.cfg.Daemon.Listen))
	d.engine.Run(ctx)
	d.log.Info("daemon stopped")
	return nil
}

// tellReady calls Options.Ready once the daemon is ready.
func (d *Daemon) tellReady(ctx context.Context) {
	select {
	case <-d.engine.Ready():
		if d.opt.Ready != nil {
			d.opt.Ready()
		}
	case <-ctx.Done():
	}
}

// sweep removes temporary files that a crash left beside the sinks.
func (d *Daemon) sweep(ctx context.Context, ready <-chan struct{}) {
	sinkfiles.Sweep(ctx, d.disks, d.loaded.SinkFolders(), ready, func(folder string, err error) {
		d.log.Debug("temporary files not removed", zap.String("folder", folder), zap.Error(err))
	})
}

// joinGrace limits how long stopping waits for parts of the daemon. One of them may
// be reading a configuration on a disk that hangs.
const joinGrace = 300 * time.Millisecond

func join(parts *sync.WaitGroup) {
	ended := make(chan struct{})
	go func() { defer close(ended); parts.Wait() }()
	select {
	case <-ended:
	case <-time.After(joinGrace):
	}
}

// Once tries everything that is due once, delivers, and returns the resulting state.
func (d *Daemon) Once(ctx context.Context) (engine.View, error) {
	defer d.Close() //nolint:contextcheck // closing has its own timeout
	d.sweep(ctx, nil)
	d.member.Patient()
	defer d.member.Run(ctx)()
	view := d.engine.RunOnce(ctx)
	return view, context.Cause(ctx)
}

// Close releases the state. It is also needed for a daemon that never ran.
func (d *Daemon) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeGrace)
	defer cancel()
	return d.store.Close(ctx)
}

// closeGrace limits how long stopping waits for a disk, after the engine has waited
// for running attempts.
const closeGrace = 300 * time.Millisecond

// listening returns the listener settings of a configuration.
func listening(c config.Daemon) web.Listening {
	return web.Listening{Address: c.Listen, WebConfig: c.WebConfig, Hosts: c.Hosts}
}

// pages returns the HTTP handler of the listener.
func (d *Daemon) pages(l web.Listening) http.Handler {
	return web.New(web.Options{Backend: d, Gatherer: d.gather, Version: d.opt.Version, Listening: l, Epoch: d.epoch.Load})
}

// Address returns the address where HTTP is served, or an empty string.
func (d *Daemon) Address() string { return d.listener.Address() }

// Leave takes all credentials of the cluster back to this machine while the daemon is
// not running.
func Leave(ctx context.Context, opt Options) error {
	d, err := New(opt)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:contextcheck // closing has its own timeout
	d.offline = true
	defer d.member.Run(ctx)()
	return d.member.LeaveWhenReached(ctx)
}

// Alive reports whether the engine makes progress.
func (d *Daemon) Alive() bool { return d.engine.Alive() }

// Begun reports whether the engine has made any progress yet.
func (d *Daemon) Begun() bool { return d.engine.Begun() }

// Select returns what the query selects. It does not wait for the engine.
func (d *Daemon) Select(q engine.Query) engine.View { return d.engine.Select(q) }

// DetailLimit returns the number of credentials and of sinks up to which each has
// its own metric series.
func (d *Daemon) DetailLimit() int {
	d.live.RLock()
	defer d.live.RUnlock()
	return d.cfg.Metrics.DetailLimit
}

// Summary returns the totals. It does not wait for the engine.
func (d *Daemon) Summary() engine.Summary { return d.engine.Summary() }

// Await returns when holds is true for what the query selects.
func (d *Daemon) Await(ctx context.Context, q engine.Query, holds func(engine.View) bool) error {
	return d.engine.Await(ctx, q, holds)
}

// Cluster returns what status --cluster shows, or false without a cluster.
func (d *Daemon) Cluster() (cluster.Status, bool) { return d.member.Status() }

// LeaveCluster moves all shared records back to this machine.
func (d *Daemon) LeaveCluster(ctx context.Context) error { return d.member.Leave(ctx) }
