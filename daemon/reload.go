package daemon

import (
	"context"
	"maps"
	"slices"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/difference"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/notify"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/internal/section"
)

// applyTime limits how long the engine may take to apply a change. It does not
// depend on the client that asked for the reload.
const applyTime = 30 * time.Second

// adopt makes a configuration the current one for readers.
func (d *Daemon) adopt(loaded *load.Loaded, change plan.Change) {
	cfg := loaded.Config
	d.live.Lock()
	d.cfg, d.loaded = cfg, loaded
	d.loadedAt, d.lastError, d.refused = time.Now(), "", nil
	d.live.Unlock()
	d.loader.Adopt(loaded)
	if level, err := zap.ParseAtomicLevel(cfg.Log.Level); err == nil {
		d.opt.LogLevel.SetLevel(level.Level())
	}
	d.metrics.Install(change)
	d.report.Install(change)
	d.rules = d.rules.After(change, (*notify.Rule)(cfg.Daemon.OnFailure))
	d.metrics.InstallOnFailure(d.rules.Default != nil, slices.Collect(maps.Keys(d.rules.Own)))
	d.notifier.Adopt(d.rules, loaded.Has)
	d.metrics.SetReload(true, d.loadedAt, cfg.Hash)
	d.report.Loaded(loaded)
}

// share makes a configuration the one that the machines of the cluster compare.
func (d *Daemon) share(loaded *load.Loaded) {
	if d.member.Clustered() {
		d.member.Adopt(loaded.Config.Cluster, loaded.Plan())
	}
}

// Reload reads the configuration again and applies the difference. If it cannot be
// used, the daemon continues with the old one, and status, log and metrics show the
// reason.
func (d *Daemon) Reload(ctx context.Context, opt control.ReloadOptions) (control.Reloaded, error) {
	defer d.epoch.Add(1)
	d.reloading.Lock()
	defer d.reloading.Unlock()
	if d.announced.Load() { // the first load is not a reload
		d.notify("RELOADING=1\n" + sdnotify.SdNotifyMonotonicUsec())
		defer d.notify("READY=1")
	}
	d.loader.Accept(load.Accept{Removals: opt.AcceptRemovals, Identities: opt.AcceptIdentities})
	loaded := d.load(ctx)
	err := loaded.Err()
	if err == nil {
		err = d.unchangeable(loaded.Config)
	}
	if err != nil {
		return control.Reloaded{}, d.refuse(loaded, err)
	}
	change := d.loader.Change(loaded, d.seed[:])
	was, now := listening(d.cfg.Daemon), listening(loaded.Config.Daemon)
	// Nothing can fail from here on. The engine applies the change before readers see
	// it, and a client that disconnects does not cancel it.
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), applyTime)
	defer cancel()
	moved := d.loader.NewIdentities(loaded, change)
	d.share(loaded) // before the first attempt under the new configuration
	renewals, err := d.engine.Apply(within, change)
	if err != nil {
		d.share(d.loaded)
		loaded.Close()
		return control.Reloaded{}, err
	}
	d.adopt(loaded, change)
	d.know()
	d.sinkFiles.Install(change.Sinks)
	if !now.Equal(was) {
		d.listener.Serve(context.WithoutCancel(ctx), now) // even if the client has disconnected
	}
	d.report.Changed(loaded, change, slices.Sorted(maps.Keys(renewals)))
	d.report.Identities(moved, renewals)
	done := control.Reloaded{Missing: []control.Missing{}}
	for _, m := range loaded.Missing {
		done.Missing = append(done.Missing, control.Missing{Credential: m.Credential, Path: m.Path})
	}
	return done, nil
}

// Plan returns what Reload would do with this configuration. It uses the code of
// Reload as far as that changes nothing: load, assemble, and the decision of the
// board, made on a partial copy of it.
func (d *Daemon) Plan(ctx context.Context, sources []control.Source) (control.Difference, error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	given := make([]config.Source, len(sources))
	for i, s := range sources {
		given[i] = config.Source(s)
	}
	opt := config.Options{Disks: d.disks, Getenv: d.opt.Getenv, UID: d.opt.UID, Given: given}
	loaded := d.loader.LoadAs(opt)
	defer loaded.Close()
	if len(loaded.Faults) > 0 {
		diff := control.Difference{Format: 1}
		for _, f := range loaded.Faults {
			diff.Faults = append(diff.Faults, f.Error())
		}
		return diff, nil
	}
	preview, err := d.engine.Preview(ctx, d.loader.Change(loaded, d.seed[:]))
	if err != nil {
		return control.Difference{Format: 1}, err
	}
	return difference.Of(ctx, d.loaded, loaded, preview), context.Cause(ctx)
}

// A file that is gone may be in the middle of a save: how long to wait for it, and
// how often to check.
const (
	goneFor   = 2 * time.Second
	lookAgain = 200 * time.Millisecond
)

// load loads the configuration. It waits for an included file or a row's file that
// is gone, which may be in the middle of a save.
func (d *Daemon) load(ctx context.Context) *load.Loaded {
	loaded := d.loader.Load()
	for waited := time.Duration(0); waited < goneFor && len(loaded.Gone()) > 0 && !loaded.Config.Broken && ctx.Err() == nil; waited += lookAgain {
		loaded.Close()
		select {
		case <-ctx.Done():
		case <-time.After(lookAgain):
		}
		loaded = d.loader.Load()
	}
	return loaded
}

// refuse records why a configuration was rejected.
func (d *Daemon) refuse(loaded *load.Loaded, err error) error {
	loaded.Close()
	d.live.Lock()
	d.lastError, d.refused = err.Error(), loaded.Config
	d.live.Unlock()
	d.know()
	d.metrics.SetReload(false, time.Now(), d.cfg.Hash)
	d.log.Error("configuration rejected", zap.String("reason", err.Error()),
		zap.String("detail", "still running the configuration loaded at "+d.loadedAt.Format(time.RFC3339)))
	return err
}

// unchangeable refuses what only a restart can change.
func (d *Daemon) unchangeable(cfg *config.Config) error {
	var faults []section.Fault
	for _, f := range difference.Fixed(d.cfg, cfg) {
		faults = append(faults, cfg.Fault(f.Table, f.Key, "was changed from %s to %s (expected a restart of vigente, which %s; or the old value)", f.Was, f.Is, f.Does))
	}
	if len(faults) > 0 {
		return &load.ConfigError{Faults: cfg.Sorted(faults)}
	}
	return nil
}

// listenerLimits returns the expiries of the listener's certificates.
func (d *Daemon) listenerLimits() []credential.Limit {
	d.live.RLock()
	defer d.live.RUnlock()
	return d.cfg.Daemon.WebLimits
}

// Config returns which configuration is running, since when, and why the last one
// was refused.
func (d *Daemon) Config() view.Config {
	d.live.RLock()
	defer d.live.RUnlock()
	c := view.Config{Hash: d.cfg.Hash, LoadedAt: d.loadedAt, LastError: d.lastError, Listener: d.listener.Problem(), Cluster: d.member.Problem()}
	if limits := d.cfg.Daemon.WebLimits; len(limits) > 0 {
		c.Limits = view.LimitsOf(limits)
	}
	for _, m := range d.loaded.Warnings {
		c.Warnings = append(c.Warnings, view.Warning{Credential: m.Credential, Path: m.Path, Message: m.Message})
	}
	for _, f := range d.loaded.Fleets {
		told := view.Fleet{Name: f.Name, Good: f.Good, Bad: len(f.Bad), BadRows: f.Bad, Problem: f.Problem}
		if f.Problem != "" {
			told.BadRows = append([]string{f.Problem}, told.BadRows...)
		}
		if told.BadRows == nil {
			told.BadRows = []string{}
		}
		c.Fleets = append(c.Fleets, told)
	}
	return c
}
