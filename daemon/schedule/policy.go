package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/internal/duration"
)

// Policy says when one task wants to run. Every duration is positive unless
// its comment says otherwise.
type Policy struct {
	// RenewBefore is the margin ahead of the expiry that a server stated.
	RenewBefore Margin
	// OwnRenewBefore says that RenewBefore was set for this very credential or
	// its provider; only then it shortens a life that is a policy value too.
	OwnRenewBefore bool
	// MaxAge is the life given to values whose server states none.
	MaxAge time.Duration
	// Schedule adds fixed instants; nil for none.
	Schedule *Cron
	// Jitter moves a planned instant earlier by up to this part of the wait.
	Jitter Margin
	// MinInterval is the minimum interval between two calls.
	MinInterval time.Duration
	// Timeout bounds one call.
	Timeout time.Duration
	// Keys gives the full path of each pace key that was set for this very
	// credential or its provider; the others stand in the table of defaults.
	Keys map[string]string
}

// Key returns the path of the configuration key behind a rule of Why, empty
// where no key fixed it.
func (p Policy) Key(rule string) string {
	if path, ok := p.Keys[rule]; ok || rule == "" {
		return path
	}
	return "renewal." + rule
}

// Differing returns the keys of pace by which the two policies differ, wherever
// they are set.
func (p Policy) Differing(o Policy) []string {
	var keys []string
	for _, rule := range []struct {
		key  string
		same bool
	}{
		{"renew_before", p.RenewBefore == o.RenewBefore && p.OwnRenewBefore == o.OwnRenewBefore},
		{"max_age", p.MaxAge == o.MaxAge},
		{"schedule", p.Schedule.Equal(o.Schedule)},
		{"jitter", p.Jitter == o.Jitter},
		{"min_interval", p.MinInterval == o.MinInterval},
		{"timeout", p.Timeout == o.Timeout},
	} {
		if !rule.same {
			keys = append(keys, rule.key)
		}
	}
	return keys
}

// Margin is a span of time, either fixed or a share of another span.
type Margin struct {
	Fixed time.Duration
	Share float64 // 0 to below 1; used when Fixed is 0
}

// Of returns the margin for a span, never more than the span and never
// negative.
func (m Margin) Of(span time.Duration) time.Duration {
	if span <= 0 {
		return 0
	}
	if m.Fixed > 0 {
		return min(m.Fixed, span)
	}
	return time.Duration(m.Share * float64(span))
}

// String returns the margin as it is written in the configuration.
func (m Margin) String() string {
	if m.Fixed > 0 {
		return m.Fixed.String()
	}
	return strconv.FormatFloat(m.Share*100, 'g', 6, 64) + "%"
}

// ParseMargin reads "25%" (at least 0, below 100) or a duration such as "30m"
// or "5d", which must not be negative.
func ParseMargin(text string) (Margin, error) {
	if percent, ok := strings.CutSuffix(strings.TrimSpace(text), "%"); ok {
		share, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
		if err != nil || !(share >= 0 && share < 100) {
			return Margin{}, fmt.Errorf("%q is no share (expected 0%% to below 100%%)", text)
		}
		return Margin{Share: share / 100}, nil
	}
	d, err := duration.Parse(text)
	if err != nil || d < 0 {
		return Margin{}, fmt.Errorf(`%q is neither a share nor a duration (expected "25%%" or "30m")`, text)
	}
	return Margin{Fixed: d}, nil
}
