// Package daemon assembles the process: configuration to plan, plan to engine,
// engine to state, sinks, metrics, status and control.
//
// New reads and checks everything that can fail, Run does the work, and Reload
// applies the difference to another configuration, or keeps the old one and says
// why. Decisions about times and tokens belong to the engine's board.
package daemon

import (
	"context"
	"encoding/binary"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/eventlog"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/login"
	"github.com/vigented/vigente/daemon/metrics"
	"github.com/vigented/vigente/daemon/notify"
	"github.com/vigented/vigente/daemon/sinkfiles"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/daemon/watch"
	"github.com/vigented/vigente/daemon/web"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/process"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

// Options is what the command line passes to the daemon.
type Options struct {
	ConfigPath string
	// Getenv reads the environment. UID is the user whose defaults apply.
	Getenv func(string) string
	UID    int
	Logger *zap.Logger
	// LogLevel is set when a reload changes the level.
	LogLevel zap.AtomicLevel
	// LogLinesDropped returns the number of dropped log lines. It may be nil.
	LogLinesDropped   func() uint64
	Version, Revision string
	Providers         []providers.Kind
	Sinks             []sinks.Kind
	// Processes runs hooks and other programs. It may be nil.
	Processes *process.Runner
	// Transport makes the base of every HTTP client. If it is nil, the network is used.
	Transport func(providers.TransportOptions) http.RoundTripper
	// Notify sends one message to the service manager. It may be nil.
	Notify func(state string)
	// WatchdogEvery is the watchdog timeout of the service manager, or 0 if its
	// watchdog is off.
	WatchdogEvery time.Duration

	exclusive func(ctx context.Context, name string, longest time.Duration, run func(context.Context) error) error
}

// ConfigError lists every reason why a configuration cannot be used.
type ConfigError = load.ConfigError

// Daemon is one process. Its methods are safe for concurrent use. Either Run or Once
// is called, and only once.
type Daemon struct {
	*login.Desk
	opt       Options
	log       *zap.Logger
	store     *store.Store
	engine    *engine.Engine
	metrics   *metrics.Metrics
	report    *eventlog.Reporter
	gather    prometheus.Gatherer
	notifier  *notify.Notifier
	files     *watch.Files
	sinkFiles *sinkfiles.Files
	clocks    *eventlog.Clocks
	seed      [32]byte
	cluster   *cluster.Cluster // nil if no cluster is configured
	sharing   atomic.Pointer[sharedPlan]
	commands  sync.Map // locks of commands that run one at a time, by name
	offline   bool     // this is a command, not the daemon: no engine runs
	disks     *devices.Pool

	// reloading serialises reloads. live guards what readers see of the current
	// configuration.
	reloading sync.Mutex
	loader    *load.Loader
	live      sync.RWMutex
	cfg       *config.Config
	refused   *config.Config // the last rejected one; nil after a good one
	loaded    *load.Loaded
	rules     notify.Rules
	loadedAt  time.Time
	lastError string
	listener  *web.Listener
	epoch     atomic.Uint64 // what commands have reported
	announced atomic.Bool   // READY was sent
}

// New reads the configuration and opens the state. It returns a *ConfigError if the
// configuration cannot be used. It calls no backend and writes to no sink.
func New(opt Options) (*Daemon, error) {
	d := &Daemon{opt: opt, log: opt.Logger, clocks: eventlog.NewClocks(opt.Logger), disks: devices.New()}
	opt.exclusive = d.exclusive
	d.loader = load.New(opt.loadOptions(d.disks, d.observeClock))
	loaded := d.loader.Load()
	if err := loaded.Err(); err != nil {
		return nil, err
	}
	cfg := loaded.Config
	var err error
	var state store.State
	d.store, state, err = openState(cfg, opt.Logger)
	if err != nil {
		return nil, err
	}
	d.seed = d.store.Seed()
	registry := prometheus.NewRegistry()
	d.gather = registry
	d.metrics, err = metrics.New(metrics.Options{Registerer: registry, Viewer: d, Version: opt.Version, Revision: opt.Revision, LogLinesDropped: opt.LogLinesDropped})
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.report = eventlog.New(opt.Logger)
	if d.cluster, err = d.openCluster(cfg, state); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	var ledger engine.Ledger = d.store
	if d.cluster != nil {
		ledger = d.cluster
		if err := d.metrics.ShowCluster(d.clusterState); err != nil {
			return nil, errors.Join(err, d.Close())
		}
	}
	d.engine = engine.New(engine.Options{
		Ledger: ledger, Observer: observers{d.metrics, d.report}, Seed: binary.LittleEndian.Uint64(d.seed[:8]),
	})
	d.Desk = &login.Desk{Engine: d.engine, ReplaceSeed: d.replaceSeed, Reported: func() { d.epoch.Add(1) }}
	d.notifier = d.newNotifier(loaded.Config)
	change := d.loader.Change(loaded, d.seed[:]) // everything is new
	d.adopt(loaded, change)
	d.listener = web.NewListener(d.pages, d.log)
	d.engine.Install(change, memory(change.Sinks.Added, state))
	d.files = watch.NewFiles(watch.Options{Disks: d.disks, Work: devices.Configure, Within: configWithin})
	d.know()
	d.sinkFiles = sinkfiles.New(d.disks, func(message string) {
		d.log.Warn("watches exhausted", zap.String("detail", message))
	})
	d.sinkFiles.Install(change.Sinks)
	return d, nil
}

// observeClock records how far a backend's clock is ahead of ours.
func (d *Daemon) observeClock(provider string, offset time.Duration) {
	if d.metrics != nil {
		d.metrics.ObserveClock(provider, offset)
	}
	d.clocks.Note(provider, offset)
}

// observers passes an outcome to several observers.
type observers []engine.Observer

func (o observers) Observe(out engine.Outcome) {
	for _, one := range o {
		one.Observe(out)
	}
}

// ObserveForeign implements engine.ForeignObserver.
func (o observers) ObserveForeign(at time.Time, sink, message string) {
	for _, one := range o {
		if f, ok := one.(engine.ForeignObserver); ok {
			f.ObserveForeign(at, sink, message)
		}
	}
}

// ObserveState implements engine.StateObserver.
func (o observers) ObserveState(at time.Time, cause string) {
	for _, one := range o {
		if s, ok := one.(engine.StateObserver); ok {
			s.ObserveState(at, cause)
		}
	}
}

// Run works until ctx ends. Metrics, health and the control socket answer
// before the first call to a backend.
func (d *Daemon) Run(ctx context.Context) error {
	defer d.Close() //nolint:contextcheck // closing has its own timeout
	d.sweep(ctx)
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
	parts.Go(func() {
		// The watch ends with the engine.
		d.sinkFiles.Run(ctx, func(names []string) { _ = d.engine.Suspect(ctx, names) })
	})
	parts.Go(func() { eventlog.WarnOfLimits(ctx, d.log, d.engine) })
	parts.Go(func() { d.notifier.Run(ctx) })
	defer d.share(ctx)()
	_, credentials, sinks := d.loaded.Count()
	d.log.Info("daemon started", zap.String("version", d.opt.Version), zap.String("config", d.opt.ConfigPath),
		zap.Int("credentials", credentials), zap.Int("sinks", sinks), zap.String("listen", d.cfg.Daemon.Listen))
	d.engine.Run(ctx)
	d.log.Info("daemon stopped")
	return nil
}

// sweep removes temporary files that a crash left beside the sinks.
func (d *Daemon) sweep(ctx context.Context) {
	sinkfiles.Sweep(ctx, d.disks, d.loaded.SinkFolders(), func(folder string, err error) {
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
	d.sweep(ctx)
	if d.cluster != nil {
		d.cluster.Patient()
	}
	defer d.share(ctx)()
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
