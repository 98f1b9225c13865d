package daemon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

// load reads the configuration and opens everything in it. Nothing that runs
// is touched: all that can fail, fails here.
func (d *Daemon) load() (*config.Config, *plan.Plan, *wires, error) {
	return d.loadWith(config.Options{Getenv: d.opt.Getenv, UID: d.opt.UID})
}

func (d *Daemon) loadWith(opt config.Options) (*config.Config, *plan.Plan, *wires, error) {
	path := d.opt.ConfigPath
	if len(opt.Given) > 0 {
		path = opt.Given[0].Name
	}
	cfg, _ := config.Load(path, opt)
	w := newWires(d)
	specs, faults := Assemble(cfg, AssembleOptions{
		Disks:     d.disks,
		Providers: d.opt.Providers,
		Sinks:     d.opt.Sinks,
		SinkEnv:   sinks.Env{Processes: d.opt.Processes},
		DigestKey: []byte("vigente"), // rekey makes it this host's own
		ProviderEnv: func(provider string, loc *time.Location) providers.Env {
			return providers.Env{
				Transport: w.transport(provider), Location: loc, Processes: d.opt.Processes,
				Warn: func(message string) { w.warn(provider, message) },
			}
		},
	})
	if len(faults) > 0 {
		w.close()
		return cfg, nil, nil, &ConfigError{faults}
	}
	return cfg, specs, w, nil
}

// rekey replaces the digests of secrets by ones that only this host's state
// can make: a digest of a weak password under a known key could be guessed.
func (d *Daemon) rekey(specs *plan.Plan) {
	digest := func(text string) string {
		mac := hmac.New(sha256.New, d.seed[:])
		mac.Write([]byte(text))
		return hex.EncodeToString(mac.Sum(nil))
	}
	for i := range specs.Credentials {
		specs.Credentials[i].Inputs = digest(specs.Credentials[i].Inputs)
	}
	for i := range specs.Sinks {
		specs.Sinks[i].Target = digest(specs.Sinks[i].Target)
		if g, ok := specs.Sinks[i].Guard.(*guard); ok {
			g.key = d.seed[:]
		}
	}
}

// adopt makes a configuration the present one, for readers.
func (d *Daemon) adopt(cfg *config.Config, specs *plan.Plan, w *wires) {
	d.rekey(specs)
	d.live.Lock()
	old := d.wires
	d.cfg, d.plan, d.wires = cfg, specs, w
	d.loadedAt, d.lastError, d.refused = time.Now(), "", nil
	d.live.Unlock()
	if old != nil {
		old.close()
	}
	if level, err := zap.ParseAtomicLevel(cfg.Log.Level); err == nil {
		d.opt.LogLevel.SetLevel(level.Level())
	}
	d.metrics.Install(specs)
	d.report.Install(specs)
	d.metrics.SetReload(true, d.loadedAt, cfg.Hash)
	for _, line := range w.warnings() {
		d.log.Warn("dangerous setting", zap.String("provider", line.provider), zap.String("setting", line.message))
	}
}

// Reload reads the configuration again and applies it as a difference. When it
// cannot be used the old one runs on, undisturbed, and the reason is kept for
// status, log and metrics.
func (d *Daemon) Reload(ctx context.Context, _ control.ReloadOptions) (control.Reloaded, error) {
	defer d.epoch.Add(1)
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.notify(reloadingState())
	defer d.notify("READY=1")
	cfg, specs, w, err := d.load()
	if err == nil {
		err = d.unchangeable(cfg)
	}
	if err != nil {
		if w != nil {
			w.close()
		}
		d.live.Lock()
		d.lastError, d.refused = err.Error(), cfg
		d.live.Unlock()
		d.know()
		d.metrics.SetReload(false, time.Now(), d.cfg.Hash)
		d.log.Error("configuration rejected, the old one runs on", zap.String("reason", err.Error()))
		return control.Reloaded{}, err
	}
	change := plan.Between(d.plan, specs)
	was, now := listening(d.cfg.Daemon), listening(cfg.Daemon)
	d.adopt(cfg, specs, w)
	d.know()
	// Whoever asked may go away meanwhile: half a reload is none.
	if err := d.engine.Apply(context.WithoutCancel(ctx), change); err != nil {
		return control.Reloaded{}, err
	}
	d.sinkFiles.install(specs.Sinks)
	if !now.Equal(was) {
		d.listener.Serve(context.WithoutCancel(ctx), now) // whether the client still waits or not
	}
	d.log.Info("configuration loaded", zap.String("hash", cfg.Hash), zap.Int("credentials", len(specs.Credentials)), zap.Int("sinks", len(specs.Sinks)))
	return control.Reloaded{}, nil
}

// fixed are the keys that only a restart can change, with what it is for.
func fixed(was, now config.Daemon) []fixedKey {
	var keys []fixedKey
	if was.StateDir != now.StateDir {
		keys = append(keys, fixedKey{"state_dir", was.StateDir, now.StateDir, "its state"})
	}
	if was.ControlSocket != now.ControlSocket {
		keys = append(keys, fixedKey{"control_socket", was.ControlSocket, now.ControlSocket, "its socket"})
	}
	if !was.StateKey.Equal(now.StateKey) {
		is := sealed(now)
		if is == sealed(was) {
			is = "another key"
		}
		keys = append(keys, fixedKey{"state_key", sealed(was), is, "the sealing of its state"})
	}
	return keys
}

type fixedKey struct{ key, was, is, what string }

// sealed says whether there is a key, which is all that may be told of it.
func sealed(d config.Daemon) string {
	if d.StateKey.IsZero() {
		return "none"
	}
	return "a key"
}

// unchangeable refuses what only a restart can change.
func (d *Daemon) unchangeable(cfg *config.Config) error {
	var faults []section.Fault
	for _, f := range fixed(d.cfg.Daemon, cfg.Daemon) {
		faults = append(faults, cfg.Fault("daemon", f.key, "was changed from %s to %s (expected a restart of vigente, which moves %s; or the old value)", f.was, f.is, f.what))
	}
	if len(faults) > 0 {
		return &ConfigError{cfg.Sorted(faults)}
	}
	return nil
}

// Config tells which configuration runs, since when, and why the last one
// offered was refused.
func (d *Daemon) Config() view.Config {
	d.live.RLock()
	defer d.live.RUnlock()
	return view.Config{Hash: d.cfg.Hash, LoadedAt: d.loadedAt, LastError: d.lastError, Listener: d.listener.Problem()}
}
