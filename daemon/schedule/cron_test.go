package schedule

import (
	"strings"
	"testing"
	"time"
)

const saoPaulo = "America/Sao_Paulo"

func mustCron(t testing.TB, expr, zone string) *Cron {
	t.Helper()
	c, err := ParseCron(expr, zone)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseCronRefuses(t *testing.T) {
	for _, c := range []struct{ expr, zone, want string }{
		{"", saoPaulo, "not a valid schedule"},
		{"0 3 * *", saoPaulo, "not a valid schedule"},
		{"0 0 0 3 * * *", saoPaulo, "not a valid schedule"},
		{"61 3 * * *", saoPaulo, "not a valid schedule"},
		{"every day", saoPaulo, "not a valid schedule"},
		{"@reboot", saoPaulo, "not a valid schedule"},
		// The parser panics on a zone with nothing after it.
		{"TZ=UTC", saoPaulo, "timezone"},
		{"CRON_TZ=America/Sao_Paulo", saoPaulo, "timezone"},
		{"TZ=", saoPaulo, "timezone"},
		{"  CRON_TZ=UTC  ", saoPaulo, "timezone"},
		// A zone in the expression would contradict the key.
		{"CRON_TZ=UTC 0 3 * * *", saoPaulo, "timezone"},
		{"TZ=UTC @daily", saoPaulo, "timezone"},
		// Days that never come are accepted by the parser and never fire.
		{"0 0 31 2 *", saoPaulo, "never comes"},
		{"0 0 30 2 *", saoPaulo, "never comes"},
		{"0 0 31 4,6,9,11 *", saoPaulo, "never comes"},
		// The parser silently rounds fractions up to a second.
		{"@every 10ms", saoPaulo, "whole seconds"},
		{"@every 1500ms", saoPaulo, "whole seconds"},
		{"@every 0s", saoPaulo, "whole seconds"},
		{"@every -6h", saoPaulo, "whole seconds"},
		{"@every", saoPaulo, "not a valid schedule"},
		{"@every soon", saoPaulo, "whole seconds"},
		{"@every\t6h", saoPaulo, "not a valid schedule"},
		// Without a zone the parser would use the host's.
		{"0 3 * * *", "", "not a valid time zone"},
		{"0 3 * * *", "Local", "not a valid time zone"},
		{"0 3 * * *", "Brazil/Nowhere", "not a valid time zone"},
		{"0 3 * * *", "../etc/passwd", "not a valid time zone"},
		{"@every 6h", "", "not a valid time zone"},
	} {
		got, err := ParseCron(c.expr, c.zone)
		if err == nil || got != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "expected") {
			t.Errorf("ParseCron(%q, %q) = %v, %v; want an error with %q and what was expected", c.expr, c.zone, got, err, c.want)
		}
	}
}

func TestCronNext(t *testing.T) {
	const utc = "UTC"
	for _, c := range []struct{ expr, zone, after, want string }{
		// Brazil has had no summer time since 2019: always three hours behind.
		{"0 3 * * *", saoPaulo, "2026-01-15T05:59:59Z", "2026-01-15T06:00:00Z"},
		{"0 3 * * *", saoPaulo, "2026-01-15T06:00:00Z", "2026-01-16T06:00:00Z"},
		{"0 3 * * *", saoPaulo, "2026-07-15T05:59:59Z", "2026-07-15T06:00:00Z"},
		{"0 0 * * *", saoPaulo, "2026-11-01T02:59:59Z", "2026-11-01T03:00:00Z"},
		// In 2018 the clocks there jumped from midnight to one.
		{"30 0 * * *", saoPaulo, "2018-11-03T03:30:00Z", "2018-11-05T02:30:00Z"},
		// New York springs forward at two on 8 March 2026 and back on 1 November.
		{"0 3 * * *", "America/New_York", "2026-03-07T08:00:00Z", "2026-03-08T07:00:00Z"},
		{"30 2 * * *", "America/New_York", "2026-03-07T08:00:00Z", "2026-03-09T06:30:00Z"},
		{"30 1 * * *", "America/New_York", "2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z"},
		{"30 1 * * *", "America/New_York", "2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"},
		{"0 3 * * *", "Europe/Berlin", "2026-03-28T02:00:00Z", "2026-03-29T01:00:00Z"},
		{"0 12 * * *", "Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-01T06:15:00Z"},
		// Six fields begin with seconds; the other forms.
		{"30 0 3 * * *", utc, "2026-01-01T00:00:00Z", "2026-01-01T03:00:30Z"},
		{"*/15 * * * *", utc, "2026-01-01T00:00:00.5Z", "2026-01-01T00:15:00Z"},
		{"0 0 29 2 *", utc, "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
		{"0 0 31 * *", utc, "2026-02-01T00:00:00Z", "2026-03-31T00:00:00Z"},
		{"0 0 * * MON", utc, "2026-03-02T00:00:00Z", "2026-03-09T00:00:00Z"},
		{"0 0 31 2 1", utc, "2026-01-30T00:00:00Z", "2026-02-02T00:00:00Z"},
		{"@daily", saoPaulo, "2026-01-01T00:00:00Z", "2026-01-01T03:00:00Z"},
		{"@hourly", saoPaulo, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"},
		{"@every 6h", utc, "2026-01-01T00:00:00Z", "2026-01-01T06:00:00Z"},
		{"@every 1d12h", utc, "2026-01-01T00:00:00Z", "2026-01-02T12:00:00Z"},
		{" @every  90s ", utc, "2026-01-01T00:00:00Z", "2026-01-01T00:01:30Z"},
	} {
		got := mustCron(t, c.expr, c.zone).Next(at(t, c.after))
		if !got.Equal(at(t, c.want)) {
			t.Errorf("%q in %s after %s: %s, want %s", c.expr, c.zone, c.after, got.UTC().Format(time.RFC3339), c.want)
		}
	}
}

func TestCronDoesNotDependOnTheZoneOfItsArgument(t *testing.T) {
	c := mustCron(t, "0 3 * * *", saoPaulo)
	tokyo, err := LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Next(instant0.In(tokyo)), c.Next(instant0); !got.Equal(want) {
		t.Errorf("asked in Tokyo's time: %s, in UTC: %s", got, want)
	}
}

func TestCronEndsWhereThereIsNoNextInstant(t *testing.T) {
	// The parser looks five years ahead, and 2100 is not a leap year.
	if got := mustCron(t, "0 0 29 2 *", "UTC").Next(at(t, "2096-03-01T00:00:00Z")); !got.IsZero() {
		t.Errorf("after the leap day of 2096: %s, want none within the parser's sight", got)
	}
}

func TestCronIsWrittenAsItWasRead(t *testing.T) {
	for _, expr := range []string{"0 3 * * *", "@every 6h", "@daily"} {
		if got := mustCron(t, " "+expr+" ", "UTC").String(); got != expr {
			t.Errorf("%q is written %q", expr, got)
		}
	}
}

// TestSundayIsSevenAsWell checks the weekdays against crontab(5).
func TestSundayIsSevenAsWell(t *testing.T) {
	for seven, zero := range map[string]string{
		"0 4 * * 7":       "0 4 * * 0",
		"0 4 * * 5-7":     "0 4 * * 5,6,0",
		"0 4 * * 1,7":     "0 4 * * 1,0",
		"0 4 * * 1-7/2":   "0 4 * * 1,3,5,0",
		"0 4 * * 0-7":     "0 4 * * *",
		"0 4 * * fri-7":   "0 4 * * 5,6,0",
		"0 4 * * sat-SUN": "0 4 * * 6,0",
		"30 0 4 * * 7":    "30 0 4 * * 0",
		"0 4 * * 7-7":     "0 4 * * 0",
	} {
		a, err := ParseCron(seven, "UTC")
		if err != nil {
			t.Errorf("%q: %v", seven, err)
			continue
		}
		b, err := ParseCron(zero, "UTC")
		if err != nil {
			t.Fatal(err)
		}
		at := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		for range 20 {
			want := b.Next(at)
			if got := a.Next(at); !got.Equal(want) {
				t.Errorf("%q after %v: got %v, want %v", seven, at, got, want)
			}
			at = want
		}
		if a.String() != seven {
			t.Errorf("%q is shown as %q", seven, a)
		}
	}
	for _, text := range []string{"0 4 * * 8", "0 4 * * 5-8", "0 4 * * 7/x", "7 7 7 7 7-", "0 4 7 13 7"} {
		if _, err := ParseCron(text, "UTC"); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

// TestAFaultOfAScheduleIsInPlainWords: the parser's own conversion errors name functions
// of its language.
func TestAFaultOfAScheduleIsInPlainWords(t *testing.T) {
	for _, expr := range []string{"0 4 L * *", "0 4 * * 7#1", "H 4 * * *", "0 4 * * Domingo"} {
		_, err := ParseCron(expr, "UTC")
		if err == nil || strings.Contains(err.Error(), "strconv") || !strings.Contains(err.Error(), " is neither a number nor a name") {
			t.Errorf("%s: got %v", expr, err)
		}
	}
}
