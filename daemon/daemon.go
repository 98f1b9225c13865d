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
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/commands"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/eventlog"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/membership"
	"github.com/vigented/vigente/daemon/metrics"
	"github.com/vigented/vigente/daemon/notify"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/sinkfiles"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/daemon/transport"
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
	// Ready is called once the daemon is ready. It may be nil.
	Ready func()
	// WatchdogEvery is the watchdog timeout of the service manager, or 0 if its
	// watchdog is off.
	WatchdogEvery time.Duration
}

// Lender returns the lender that gives providers their network access.
func (opt *Options) Lender() transport.Lender {
	return transport.Lender{Base: opt.Transport, Processes: opt.Processes}
}

// Loading returns the options for loading the configuration outside a daemon. There
// systemd's credentials cannot be read, which credentialsMissingOK tolerates.
func (opt *Options) Loading(credentialsMissingOK bool) load.Options {
	l := opt.loadOptions(devices.New(), nil)
	l.Config.CredentialsMissingOK = credentialsMissingOK
	return l
}

// loadOptions returns the options for loading the configuration. observe is called
// with the clock offsets of backends.
func (opt *Options) loadOptions(disks *devices.Pool, observe func(provider string, offset time.Duration)) load.Options {
	lender := opt.Lender()
	lender.Observe = observe
	return load.Options{
		Path: opt.ConfigPath, Config: config.Options{Disks: disks, Getenv: opt.Getenv, UID: opt.UID},
		Providers: opt.Providers, Sinks: opt.Sinks,
		Lend: lender.Lend, SinkEnv: sinks.Env{Processes: opt.Processes}, Devices: disks, Now: time.Now,
	}
}

// Daemon is one process. Its methods are safe for concurrent use. Either Run or Once
// is called, and only once.
type Daemon struct {
	*commands.Executor
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
	member    *membership.Member
	offline   bool // this is a command, not the daemon: no engine runs
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

// New reads the configuration and opens the state. It returns a *load.ConfigError if the
// configuration cannot be used. It calls no backend and writes to no sink.
func New(opt Options) (*Daemon, error) {
	d := &Daemon{opt: opt, log: opt.Logger, clocks: eventlog.NewClocks(opt.Logger), disks: devices.New()}
	loading := opt.loadOptions(d.disks, d.observeClock)
	loading.SinkEnv.Exclusive = func(ctx context.Context, name string, longest time.Duration, run func(context.Context) error) error {
		return d.member.Exclusive(ctx, name, longest, run) // the member does not exist yet
	}
	d.loader = load.New(loading)
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
	if d.member, err = d.newMember(cfg.Cluster, state); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	d.engine = engine.New(engine.Options{
		Ledger: d.member.Ledger(), Observer: engine.Observers{d.metrics, d.report}, Seed: binary.LittleEndian.Uint64(d.seed[:8]),
	})
	d.Executor = commands.New(d.engine, d.member.TakeOver, func() { d.epoch.Add(1) })
	d.notifier = d.newNotifier(cfg)
	change := d.loader.Change(loaded, d.seed[:]) // everything is new
	d.share(loaded)
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

// newMember opens the ledger that this machine shares with others, if there are any.
func (d *Daemon) newMember(cfg config.Cluster, state store.State) (*membership.Member, error) {
	m, err := membership.New(cfg, membership.Options{
		Version: d.opt.Version, Log: d.log, Store: d.store, Held: state.Records, Observe: d.metrics.ObserveCluster,
		Learn: func(ctx context.Context, name string, r schedule.Record) error {
			if d.offline {
				return nil
			}
			return d.engine.Learn(ctx, name, r)
		},
		Cooldown: func(ctx context.Context, provider string, r schedule.ProviderRecord) {
			_ = d.engine.LearnProvider(ctx, provider, r) // It fails only while the daemon stops.
		},
	})
	if err == nil && m.Clustered() {
		err = d.metrics.ShowCluster(m.Metrics)
	}
	return m, err
}

// notifyFile records what on_failure has reported, beside the state.
const notifyFile = "on_failure.json"

// newNotifier opens the notifier. A start must not fail because of what it reported
// before: if the file cannot be read, that is logged and a new one is started.
func (d *Daemon) newNotifier(cfg *config.Config) *notify.Notifier {
	path := filepath.Join(cfg.Daemon.StateDir, notifyFile)
	n, err := notify.New(notify.Options{Source: d.engine, Processes: d.opt.Processes, Path: path, Report: func(end notify.Ended) {
		for _, e := range end.Events {
			d.metrics.CountOnFailure(e.Credential, end.Err == nil && !end.CutOff)
		}
		d.report.OnFailure(end)
	}})
	if err != nil {
		d.log.Error("state of on_failure not read", zap.String("file", path), zap.Error(err),
			zap.String("detail", "it is begun again, so what still fails is told once more"))
	}
	return n
}
