package schedule

import (
	"math"
	"strings"
	"testing"
	"time"
)

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90s":         90 * time.Second,
		"12h":         12 * time.Hour,
		"5d":          5 * day,
		"1d12h":       36 * time.Hour,
		"1d1ms":       day + time.Millisecond,
		"0d":          0,
		"0":           0,
		"0.5d":        12 * time.Hour,
		".5d":         12 * time.Hour,
		"1.5d30m":     36*time.Hour + 30*time.Minute,
		" 5d ":        5 * day,
		"-5d":         -5 * day,
		"-1d12h":      -36 * time.Hour,
		"-30m":        -30 * time.Minute,
		"+30m":        30 * time.Minute,
		"36500d":      36500 * day,
		"1h2m3.5s":    time.Hour + 2*time.Minute + 3500*time.Millisecond,
		"2562047h47m": 2562047*time.Hour + 47*time.Minute,
	} {
		if got, err := ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "5", "d", "-", "+", "-d", "5 d", "5days", "5D", "1d1d", "1h5d", "1d 12h", "1d-12h", "1d+12h", "--5h", "-+5h", "+-5h", "++5h",
		"36501d", "1e3d", "0x10d", "Infd", "NaNd", "1_0d", "1,5d", "5d12", "2562048h", "36500d2562047h", "5w", "1h30", "half a day",
	} {
		if got, err := ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %s, want an error", text, got)
		} else if !strings.Contains(err.Error(), "expected") {
			t.Errorf("ParseDuration(%q): %v; the error does not say what was expected", text, err)
		}
	}
}

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
	p := Policy{Keys: map[string]string{"renew_before": "credentials.shop.renew_before"}}
	for rule, want := range map[string]string{
		"renew_before": "credentials.shop.renew_before", "max_age": "renewal.max_age", "": "",
	} {
		if got := p.Key(rule); got != want {
			t.Errorf("key of rule %q: %q, want %q", rule, got, want)
		}
	}
}
