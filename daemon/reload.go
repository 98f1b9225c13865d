package daemon

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/refresh"
	providerkit "github.com/vigented/vigente/providers/kit"
)

// load reads the configuration and opens everything in it. Nothing that runs
// is touched: all that can fail, fails here.
func (d *Daemon) load() (*config.Config, *refresh.Plan, *wires, error) {
	return d.loadWith(config.Options{Getenv: d.opt.Getenv, UID: d.opt.UID})
}

func (d *Daemon) loadWith(opt config.Options) (*config.Config, *refresh.Plan, *wires, error) {
	cfg, _ := config.Load(d.opt.ConfigPath, opt)
	w := newWires(d)
	plan, faults := Assemble(cfg, AssembleOptions{
		Providers: d.opt.Providers,
		Sinks:     d.opt.Sinks,
		DigestKey: []byte("vigente"), // rekey makes it this host's own
		ProviderEnv: func(provider string, loc *time.Location) providerkit.Env {
			return providerkit.Env{Transport: w.transport(provider), Location: loc, Warn: func(message string) { w.warn(provider, message) }}
		},
	})
	if len(faults) > 0 {
		w.close()
		return cfg, nil, nil, &ConfigError{faults}
	}
	return cfg, plan, w, nil
}

// rekey replaces the digests of secrets by ones that only this host's state
// can make: a digest of a weak password under a known key could be guessed.
func (d *Daemon) rekey(plan *refresh.Plan) {
	digest := func(text string) string {
		mac := hmac.New(sha256.New, d.seed[:])
		mac.Write([]byte(text))
		return hex.EncodeToString(mac.Sum(nil))
	}
	for i := range plan.Credentials {
		plan.Credentials[i].Inputs = digest(plan.Credentials[i].Inputs)
	}
	for i := range plan.Sinks {
		plan.Sinks[i].Target = digest(plan.Sinks[i].Target)
		if g, ok := plan.Sinks[i].Guard.(*guard); ok {
			g.key = d.seed[:]
		}
	}
}

// adopt makes a configuration the present one, for readers.
func (d *Daemon) adopt(cfg *config.Config, plan *refresh.Plan, w *wires) {
	d.rekey(plan)
	d.live.Lock()
	old := d.wires
	d.cfg, d.plan, d.wires = cfg, plan, w
	d.loadedAt, d.lastError, d.refused = time.Now(), "", nil
	d.live.Unlock()
	if old != nil {
		old.close()
	}
	if level, err := zap.ParseAtomicLevel(cfg.Log.Level); err == nil {
		d.opt.LogLevel.SetLevel(level.Level())
	}
	d.metrics.Install(plan)
	d.report.Install(plan)
	d.metrics.SetReload(true, d.loadedAt, cfg.Hash)
	for _, line := range w.warnings() {
		d.log.Warn("dangerous setting", zap.String("provider", line.provider), zap.String("setting", line.message))
	}
}

// Reload reads the configuration again and applies it as a difference. When it
// cannot be used the old one runs on, undisturbed, and the reason is kept for
// status, log and metrics.
func (d *Daemon) Reload(ctx context.Context) error {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	d.notify(reloadingState())
	defer d.notify("READY=1")
	cfg, plan, w, err := d.load()
	if err == nil {
		err = d.unchangeable(cfg)
	}
	if now, was := cfg.Daemon, d.cfg.Daemon; err == nil && (now.Listen != was.Listen || now.WebConfig != was.WebConfig) {
		err = d.listen(now, was)
	}
	if err != nil {
		if w != nil {
			w.close()
		}
		d.live.Lock()
		d.lastError, d.refused = err.Error(), cfg
		d.live.Unlock()
		d.metrics.SetReload(false, time.Now(), d.cfg.Hash)
		d.log.Error("configuration rejected, the old one runs on", zap.String("reason", err.Error()))
		return err
	}
	d.adopt(cfg, plan, w)
	if err := d.engine.Replace(ctx, plan); err != nil {
		return err
	}
	d.log.Info("configuration loaded", zap.String("hash", cfg.Hash), zap.Int("credentials", len(plan.Credentials)), zap.Int("sinks", len(plan.Sinks)))
	return nil
}

// unchangeable refuses what only a restart can change.
func (d *Daemon) unchangeable(cfg *config.Config) error {
	switch now, was := cfg.Daemon, d.cfg.Daemon; {
	case now.StateDir != was.StateDir:
		return errors.New("daemon.state_dir was changed: restart vigente to move its state")
	case now.ControlSocket != was.ControlSocket:
		return errors.New("daemon.control_socket was changed: restart vigente to move its socket")
	case !now.StateKey.Equal(was.StateKey):
		return errors.New("daemon.state_key was changed: restart vigente to use another key")
	}
	return nil
}

// ConfigStatus tells which configuration runs, since when, and why the last
// one offered was refused.
func (d *Daemon) ConfigStatus() (hash string, loadedAt time.Time, lastError string) {
	d.live.RLock()
	defer d.live.RUnlock()
	return d.cfg.Hash, d.loadedAt, d.lastError
}
