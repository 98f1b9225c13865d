package eventlog

import (
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/plan"
)

// mostNamed limits the number of names in one log line.
const mostNamed = 50

// Loaded logs what an operator should know of the configuration that is now current.
func (r *Reporter) Loaded(l *load.Loaded) {
	for _, w := range l.Dangers {
		r.log.Warn("dangerous setting", zap.String("provider", w.Provider), zap.String("setting", w.Message))
	}
	for _, m := range l.Missing {
		r.log.Warn("credential parked, what it is made from is missing", zap.String("credential", m.Credential), zap.String("detail", m.Message))
	}
	for _, m := range l.Warnings {
		r.log.Warn("missing by now, the credential goes on with what was read before", zap.String("credential", m.Credential), zap.String("detail", m.Message))
	}
	for _, f := range l.Fleets {
		if f.Problem != "" {
			r.log.Warn("fleet is empty, its table cannot be used", zap.String("fleet", f.Name), zap.String("detail", f.Problem))
		}
		if n := len(f.Bad); n > 0 {
			r.log.Warn("rows cannot be used", zap.String("fleet", f.Name), zap.Int("rows", n), zap.Strings("detail", f.Bad[:min(n, mostNamed)]))
		}
	}
	for _, f := range l.Slips {
		r.log.Warn("suspicious secret", zap.String("key", f.Key), zap.String("detail", f.Message))
	}
}

// Changed logs what a reload changed, and the credentials that it will renew.
func (r *Reporter) Changed(l *load.Loaded, change plan.Change, renewed []string) {
	_, credentials, sinks := l.Count()
	fields := []zap.Field{
		zap.String("hash", l.Config.Hash), zap.Int("credentials", credentials), zap.Int("sinks", sinks),
	}
	for _, list := range []struct {
		key   string
		names []string
	}{
		{"added", change.Added()}, {"removed", change.Removed()}, {"changed", change.Changed()}, {"will_renew", renewed},
	} {
		if n := len(list.names); n > 0 {
			fields = append(fields, zap.Strings(list.key, list.names[:min(n, mostNamed)]), zap.Int(list.key+"_count", n))
		}
	}
	r.log.Info("configuration loaded", fields...)
}

// Identities logs the credentials whose identity at the backend has changed, and
// those that got an earlier identity back, which are not among the renewals.
func (r *Reporter) Identities(moved []load.NewIdentity, renewals map[string]engine.Cause) {
	for _, m := range moved[:min(len(moved), mostNamed)] {
		says := "identity changed, the old values stay delivered until the new identity has values"
		if _, renewed := renewals[m.Name]; !renewed {
			says = "identity changed back, the values kept for it are in force again"
		}
		r.log.Warn(says, zap.String("credential", m.Name), zap.Strings("keys", m.Keys))
	}
}
