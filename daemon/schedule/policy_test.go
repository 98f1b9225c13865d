package schedule

import (
	"math"
	"testing"
	"time"
)

func TestParseMargin(t *testing.T) {
	for text, want := range map[string]Margin{
		"25%":    {Share: 0.25},
		" 25 % ": {Share: 0.25},
		"0%":     {},
		"12.5%":  {Share: 0.125},
		"99.9%":  {Share: 0.999},
		"30m":    {Fixed: 30 * time.Minute},
		"5d":     {Fixed: 5 * 24 * time.Hour},
		"0s":     {},
	} {
		got, err := ParseMargin(text)
		if err != nil || math.Abs(got.Share-want.Share) > 1e-12 || got.Fixed != want.Fixed {
			t.Errorf("ParseMargin(%q) = %+v, %v; want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "%", "100%", "250%", "-1%", "NaN%", "Inf%", "25", "25%%", "-30m", "a quarter", "25 percent", "%25", "1d12h30"} {
		if got, err := ParseMargin(text); err == nil {
			t.Errorf("ParseMargin(%q) = %+v, want an error", text, got)
		}
	}
}

func TestMarginOf(t *testing.T) {
	for _, c := range []struct {
		m          Margin
		span, want time.Duration
	}{
		{Margin{Share: 0.25}, time.Hour, 15 * time.Minute},
		{Margin{Share: 0.25}, 0, 0},
		{Margin{Share: 0.25}, -time.Hour, 0},
		{Margin{Share: 0.999}, math.MaxInt64, time.Duration(0.999 * float64(math.MaxInt64))},
		{Margin{Fixed: 30 * time.Minute}, time.Hour, 30 * time.Minute},
		{Margin{Fixed: 30 * time.Minute}, time.Minute, time.Minute},
		{Margin{Fixed: 30 * time.Minute}, -time.Minute, 0},
		{Margin{}, time.Hour, 0},
	} {
		if got := c.m.Of(c.span); got != c.want {
			t.Errorf("%s of %s is %s, want %s", c.m, c.span, got, c.want)
		}
	}
}

func TestMarginIsWrittenAsShareOrDuration(t *testing.T) {
	for want, m := range map[string]Margin{"25%": {Share: 0.25}, "12.5%": {Share: 0.125}, "0%": {}, "30m0s": {Fixed: 30 * time.Minute}} {
		if got := m.String(); got != want {
			t.Errorf("%+v is written %q, want %q", m, got, want)
		}
	}
}

func TestPolicyNamesTheKeyBehindARule(t *testing.T) {
	p := Policy{Keys: map[string]string{"renew_before": OwnTable, "timeout": "providers.p"}}
	for rule, want := range map[string]string{
		"renew_before": "credentials.shop.renew_before", "timeout": "providers.p.timeout", "max_age": "renewal.max_age", "": "",
	} {
		if got := p.Key(rule, "credentials.shop"); got != want {
			t.Errorf("key of rule %q: %q, want %q", rule, got, want)
		}
	}
}
