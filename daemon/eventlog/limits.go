package eventlog

import (
	"context"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
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
// that a person must renew within the next weeks, until ctx ends. Listener returns
// the limits of the listener.
func WarnOfLimits(ctx context.Context, log *zap.Logger, of limited, listener func() []credential.Limit) {
	tick := time.NewTicker(lookAtLimitsEvery)
	defer tick.Stop()
	said := map[string]time.Time{}
	for {
		if of.Alive() {
			for _, w := range limitsSoon(of.Select(engine.Query{}), listener(), said) {
				fields := []zap.Field{zap.String("detail", w.detail), zap.Time("expires_at", w.endsAt)}
				if w.credential != "" {
					fields = append(fields, zap.String("credential", w.credential), zap.String("provider", w.provider))
				}
				log.Warn("limit ends soon", fields...)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// limitWarning is one warning; without a credential, it is about the listener.
type limitWarning struct {
	credential, provider, detail string
	endsAt                       time.Time
}

// limitsSoon returns the warnings that are due at the time of the view, and
// records them in said.
func limitsSoon(v engine.View, listener []credential.Limit, said map[string]time.Time) (out []limitWarning) {
	due := func(name, provider, whose string, limits []credential.Limit) {
		for _, l := range limits {
			left, key := l.EndsAt.Sub(v.At), name+" "+l.Kind
			if last, found := said[key]; !l.Person || left > warnAhead || found && v.At.Sub(last) < warnAgain {
				continue
			}
			said[key] = v.At
			what := whose + " " + strings.ReplaceAll(l.Kind, "_", " ")
			detail := fmt.Sprintf("action needed within %d days: %s ends then, and vigente cannot renew it", int(left/(24*time.Hour)), what)
			if left <= 0 {
				detail = "action needed now: " + what + " has ended, and vigente cannot renew it"
			}
			out = append(out, limitWarning{name, provider, detail, l.EndsAt.UTC()})
		}
	}
	due("", "", "the listener's", listener)
	for _, c := range v.Credentials {
		due(c.Name, c.Provider, "the", c.Limits)
	}
	return out
}
