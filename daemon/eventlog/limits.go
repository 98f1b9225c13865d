package eventlog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/engine"
)

// Intervals of the warnings about limits that require action.
const (
	lookAtLimitsEvery = 10 * time.Minute
	warnAhead         = 30 * 24 * time.Hour
	warnAgain         = 24 * time.Hour
)

// limited is the engine, which knows the limits.
type limited interface {
	Alive() bool
	Select(q engine.Query) engine.View
}

// WarnOfLimits warns once a day of certificates, authorizations and the like
// that a person must renew within the next weeks, until ctx ends.
func WarnOfLimits(ctx context.Context, log *zap.Logger, of limited) {
	tick := time.NewTicker(lookAtLimitsEvery)
	defer tick.Stop()
	said := map[string]time.Time{}
	for {
		if of.Alive() {
			for _, w := range limitsSoon(of.Select(engine.Query{}), said) {
				log.Warn("limit ends soon", zap.String("credential", w.credential), zap.String("provider", w.provider),
					zap.String("detail", w.detail), zap.Time("expires_at", w.endsAt))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

type limitWarning struct {
	credential, provider, detail string
	endsAt                       time.Time
}

// limitsSoon returns the warnings that are due at the time of the view, and
// records them in said.
func limitsSoon(v engine.View, said map[string]time.Time) (out []limitWarning) {
	for _, c := range v.Credentials {
		for _, l := range c.Limits {
			left, key := l.EndsAt.Sub(v.At), c.Name+" "+l.Kind
			if last, found := said[key]; !l.Person || left > warnAhead || found && v.At.Sub(last) < warnAgain {
				continue
			}
			said[key] = v.At
			what := "the " + strings.ReplaceAll(l.Kind, "_", " ")
			detail := fmt.Sprintf("action needed within %d days: %s ends then, and vigente cannot renew it", int(left/(24*time.Hour)), what)
			if left <= 0 {
				detail = "action needed now: " + what + " has ended, and vigente cannot renew it"
			}
			out = append(out, limitWarning{c.Name, c.Provider, detail, l.EndsAt.UTC()})
		}
	}
	return out
}
