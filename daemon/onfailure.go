package daemon

import (
	"maps"
	"path/filepath"
	"slices"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/notify"
	"github.com/vigented/vigente/daemon/plan"
)

// notifyFile records what on_failure has reported, beside the state.
const notifyFile = "on_failure.json"

// newNotifier opens the notifier. A start must not fail because of what it reported
// before: if the file cannot be read, that is logged and a new one is started.
func (d *Daemon) newNotifier(cfg *config.Config) *notify.Notifier {
	path := filepath.Join(cfg.Daemon.StateDir, notifyFile)
	n, err := notify.New(notify.Options{Source: d.engine, Processes: d.opt.Processes, Path: path, Report: d.told})
	if err != nil {
		d.log.Error("state of on_failure not read", zap.String("file", path), zap.Error(err),
			zap.String("detail", "it is begun again, so what still fails is told once more"))
	}
	return n
}

// failureRules returns the on_failure command of each credential.
func (d *Daemon) failureRules(cfg *config.Config, change plan.Change) notify.Rules {
	own := maps.Clone(d.rules.Own)
	if own == nil {
		own = map[string]notify.Rule{}
	}
	for _, name := range change.Credentials.Removed {
		delete(own, name)
	}
	for _, c := range slices.Concat(change.Credentials.Added, change.Credentials.Changed) {
		if delete(own, c.Name); c.OnFailure != nil {
			own[c.Name] = notify.Rule(*c.OnFailure)
		}
	}
	rules := notify.Rules{Own: own}
	if all := cfg.Daemon.OnFailure; all != nil {
		rule := notify.Rule(*all)
		rules.Default = &rule
	}
	d.rules = rules
	return rules
}

// told processes the result of one run of on_failure.
func (d *Daemon) told(end notify.Ended) {
	first := end.Events[0]
	fields := []zap.Field{
		zap.String("credential", first.Credential), zap.String("event", first.Event), zap.Int("count", len(end.Events)),
		zap.Duration("took", end.Took),
	}
	if first.Sink != "" {
		fields = append(fields, zap.String("sink", first.Sink))
	}
	for _, e := range end.Events {
		d.metrics.CountOnFailure(e.Credential, end.Err == nil && !end.CutOff)
	}
	switch {
	case end.CutOff:
		d.log.Warn("on_failure was cut off by the end of the daemon, and is not repeated", fields...)
	case end.Err != nil:
		d.log.Warn("on_failure failed", append(fields, zap.String("reason", string(credential.ReasonInternal)), zap.String("detail", end.Err.Error()))...)
	default:
		d.log.Info("on_failure succeeded", fields...)
	}
}
