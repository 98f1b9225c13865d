// Package difference describes what a reload would do, and which keys only a restart
// can change.
package difference

import (
	"context"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/sinks"
)

// forecastTime limits the check of one file.
const forecastTime = 10 * time.Second

// Of describes a change: how the two configurations differ, and what the engine would
// do.
func Of(ctx context.Context, was, is *load.Loaded, preview engine.Preview) control.Difference {
	diff := control.Difference{Format: 1, At: preview.At.UTC().Truncate(time.Second)}
	c := &comparison{was: was, is: is}
	diff.Restart, diff.Settings = settingChanges(was.Config, is.Config)
	diff.Providers = c.providers(preview)
	diff.Credentials = c.credentials(preview)
	diff.Sinks = c.sinks(ctx, preview)
	return diff
}

// settingChanges compares the daemon's own keys.
func settingChanges(was, is *config.Config) (restart, live []control.SettingChange) {
	restart, live = []control.SettingChange{}, []control.SettingChange{}
	for _, f := range Fixed(was, is) {
		restart = append(restart, control.SettingChange{Key: f.Table + "." + f.Key, Was: f.Was, Is: f.Is, Refused: true})
	}
	if was.Log.Format != is.Log.Format {
		restart = append(restart, control.SettingChange{Key: "log.format", Was: was.Log.Format, Is: is.Log.Format})
	}
	if was.Log.Level != is.Log.Level {
		live = append(live, control.SettingChange{Key: "log.level", Was: was.Log.Level, Is: is.Log.Level})
	}
	if was.Daemon.Listen != is.Daemon.Listen {
		live = append(live, control.SettingChange{Key: "daemon.listen", Was: was.Daemon.Listen, Is: is.Daemon.Listen})
	}
	return restart, live
}

// comparison describes the engine's preview in terms of the configuration.
type comparison struct{ was, is *load.Loaded }

// keys returns the keys of the kind that differ in one table.
func (c *comparison) keys(group, name string) []string {
	keys := c.is.Differing(c.was, group, name)
	if keys == nil {
		keys = []string{}
	}
	return keys
}

func action[S any](was, is *S, keys []string) control.Action {
	switch {
	case was == nil:
		return control.Added
	case is == nil:
		return control.Removed
	case len(keys) > 0:
		return control.Changed
	}
	return control.Kept
}

func (c *comparison) providers(preview engine.Preview) []control.ProviderChange {
	out := []control.ProviderChange{}
	for _, p := range preview.Providers {
		var name string
		keys := []string{}
		switch {
		case p.Was == nil:
			name = p.Is.Name
		case p.Is == nil:
			name = p.Was.Name
		default:
			name = p.Is.Name
			keys = append(c.keys("providers", name), c.budget(name, p)...)
		}
		if a := action(p.Was, p.Is, keys); a != control.Kept {
			out = append(out, control.ProviderChange{Name: name, Action: a, Keys: keys})
		}
	}
	return out
}

// budget returns the daemon's own keys of a provider that differ.
func (c *comparison) budget(name string, p engine.ProviderPreview) []string {
	var keys []string
	if p.Was.Type != p.Is.Type {
		keys = append(keys, "type")
	}
	if !slices.Equal(p.Was.Rates, p.Is.Rates) {
		keys = append(keys, "rate")
	}
	if p.Was.Concurrency != p.Is.Concurrency {
		keys = append(keys, "concurrency")
	}
	if c.was.Zone(name) != c.is.Zone(name) {
		keys = append(keys, "timezone")
	}
	return keys
}

func (c *comparison) credentials(preview engine.Preview) []control.CredentialChange {
	out := []control.CredentialChange{}
	for _, p := range preview.Credentials {
		change := control.CredentialChange{
			Keys: []string{}, Renewed: string(p.Renewal), NextWas: instantOf(p.NextWas), NextIs: instantOf(p.NextIs), Why: p.Why,
		}
		switch {
		case p.Was == nil:
			change.Name = p.Is.Name
		case p.Is == nil:
			change.Name = p.Was.Name
		default:
			change.Name = p.Is.Name
			if p.Was.Provider != p.Is.Provider {
				change.Keys = append(change.Keys, "provider")
			}
			change.Keys = append(change.Keys, c.keys("credentials", p.Is.Name)...)
			change.Keys = append(change.Keys, p.Was.Policy.Differing(p.Is.Policy)...)
		}
		change.Action = action(p.Was, p.Is, change.Keys)
		if change.Action != control.Kept || change.Renewed != "" || change.Retimed() {
			out = append(out, change)
		}
	}
	return out
}

func instantOf(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	at = at.UTC().Truncate(time.Second)
	return &at
}

func (c *comparison) sinks(ctx context.Context, preview engine.Preview) []control.SinkChange {
	out := []control.SinkChange{}
	for _, p := range preview.Sinks {
		change := control.SinkChange{Keys: []string{}, After: []string{}, Missing: []string{}}
		if p.Is == nil {
			change.Name, change.Path, change.Action, change.LeftBehind = p.Was.Name, p.Was.Path, control.Removed, p.Was.Path
			out = append(out, change)
			continue
		}
		change.Name, change.Path = p.Is.Name, p.Is.Path
		change.After, change.Missing = append(change.After, p.After...), append(change.Missing, p.Missing...)
		if p.Was != nil {
			change.Keys = c.keys("sinks", p.Is.Name)
			if p.Was.Path != p.Is.Path {
				change.LeftBehind = p.Was.Path
			}
		}
		change.Action = action(p.Was, p.Is, change.Keys)
		if p.Owed {
			change.Rewritten, change.Problem = forecast(ctx, p)
		}
		change.Hook = p.Is.Hook != nil && (change.Rewritten || len(p.After) > 0)
		if change.Action != control.Kept || change.Rewritten || len(change.After) > 0 {
			out = append(out, change)
		}
	}
	return out
}

// forecast reports whether a delivery would change the file, and what would prevent
// it.
func forecast(ctx context.Context, p engine.SinkPreview) (change bool, problem string) {
	for _, token := range p.Tokens {
		if !schedule.HasValue(token) {
			return false, "" // nothing is delivered before this credential has a value
		}
	}
	f, ok := p.Is.Sink.(sinks.Forecaster)
	if !ok {
		return true, "" // the kind cannot tell, so assume that it writes
	}
	ctx, cancel := context.WithTimeout(ctx, forecastTime)
	defer cancel()
	change, err := f.WouldChange(ctx, p.Tokens)
	if err != nil {
		return false, credential.AsFault(err).Error()
	}
	return change, ""
}
