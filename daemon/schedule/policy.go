package schedule

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/internal/duration"
)

// Policy controls when a credential is renewed. Every duration is positive.
type Policy struct {
	// RenewBefore is how long before the stated expiry to renew.
	RenewBefore Margin
	// OwnRenewBefore means that RenewBefore was set for this credential or its
	// provider; only then it also applies to an expiry that follows from MaxAge.
	OwnRenewBefore bool
	// MaxAge is the lifetime of values for which the server states no expiry.
	MaxAge time.Duration
	// Schedule adds fixed instants; it may be nil.
	Schedule *Cron
	// Jitter is the largest part of the wait by which an instant is moved earlier.
	Jitter Margin
	// MinInterval is the minimum interval between two calls.
	MinInterval time.Duration
	// Timeout bounds one call.
	Timeout time.Duration
	// Keys maps each timing key that was set for this credential or its provider
	// to the path of its table, or to OwnTable; the others come from the table of
	// defaults.
	Keys map[string]string
}

// OwnTable stands in Policy.Keys for the credential's own table. Its path would differ
// from row to row of a fleet, which can share one policy without it.
const OwnTable = ""

// Key returns the path of the configuration key for a rule of Why, empty if the
// rule is empty. own is the path of the credential's table.
func (p Policy) Key(rule, own string) string {
	if rule == "" {
		return ""
	}
	table, found := p.Keys[rule]
	switch {
	case !found:
		table = "renewal"
	case table == OwnTable:
		table = own
	}
	return table + "." + rule
}

// Equal reports whether both policies are the same and come from the same keys.
func (p Policy) Equal(o Policy) bool {
	return len(p.Differing(o)) == 0 && maps.Equal(p.Keys, o.Keys)
}

// Differing returns the timing keys in which the two policies differ.
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

// Of returns the margin for a span, between zero and the span.
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
			return Margin{}, fmt.Errorf("%q is not a valid share (expected 0%% to below 100%%)", text)
		}
		return Margin{Share: share / 100}, nil
	}
	d, err := duration.Parse(text)
	if err != nil || d < 0 {
		return Margin{}, fmt.Errorf(`%q is neither a share nor a duration (expected "25%%" or "30m")`, text)
	}
	return Margin{Fixed: d}, nil
}
