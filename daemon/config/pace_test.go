package config

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// paces loads a configuration with a provider p and a credential c with the
// given policy keys at each level, and returns the credential's policy.
func paces(t testing.TB, renewal, provider, cred string) (schedule.Policy, *time.Location) {
	t.Helper()
	write(t, map[string]string{"c.toml": "[renewal]\n" + renewal + "\n[providers.p]\ntype = \"x\"\n" + provider + "\n[credentials.c]\nprovider = \"p\"\n" + cred + "\n"})
	c := load(t, "c.toml", options())
	return c.Credentials[0].Policy, c.Providers[0].Location
}

func TestPaceDefaults(t *testing.T) {
	got, zone := paces(t, "", "", "")
	want := schedule.Policy{
		RenewBefore: schedule.Margin{Share: 0.25}, MaxAge: 24 * time.Hour, Jitter: schedule.Margin{Share: 0.05},
		MinInterval: 30 * time.Second, Timeout: 30 * time.Second,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got policy %+v, want %+v", got, want)
	}
	if zone.String() != "America/Sao_Paulo" {
		t.Errorf("got zone %v, want America/Sao_Paulo", zone)
	}
}

// TestTheNearestKeyCounts: a key of the credential overrides the provider's,
// which overrides [renewal].
func TestTheNearestKeyCounts(t *testing.T) {
	for _, key := range []struct {
		name string
		of   func(schedule.Policy) string
	}{
		{"renew_before", func(p schedule.Policy) string { return p.RenewBefore.String() }},
		{"max_age", func(p schedule.Policy) string { return p.MaxAge.String() }},
		{"jitter", func(p schedule.Policy) string { return p.Jitter.String() }},
		{"min_interval", func(p schedule.Policy) string { return p.MinInterval.String() }},
		{"timeout", func(p schedule.Policy) string { return p.Timeout.String() }},
	} {
		set := func(d string) string { return key.name + " = \"" + d + "\"" }
		for _, c := range []struct{ renewal, provider, cred, want string }{
			{set("41s"), "", "", "41s"},
			{set("41s"), set("42s"), "", "42s"},
			{set("41s"), "", set("43s"), "43s"},
			{set("41s"), set("42s"), set("43s"), "43s"},
			{"", set("42s"), "", "42s"},
		} {
			got, _ := paces(t, c.renewal, c.provider, c.cred)
			if key.of(got) != c.want {
				t.Errorf("%s: %q %q %q got %s, want %s", key.name, c.renewal, c.provider, c.cred, key.of(got), c.want)
			}
		}
	}
}

func TestOwnRenewBefore(t *testing.T) {
	const set = `renew_before = "25%"`
	for _, c := range []struct {
		renewal, provider, cred string
		want                    bool
	}{
		{"", "", "", false}, {set, "", "", false}, {"", set, "", true}, {"", "", set, true}, {set, "max_age = \"2h\"", "", false},
	} {
		if got, _ := paces(t, c.renewal, c.provider, c.cred); got.OwnRenewBefore != c.want {
			t.Errorf("%q %q %q: got OwnRenewBefore %v, want %v", c.renewal, c.provider, c.cred, got.OwnRenewBefore, c.want)
		}
	}
}

// TestPolicyNamesTheKeysThatWereSet: explain names the key that decides.
func TestPolicyNamesTheKeysThatWereSet(t *testing.T) {
	got, _ := paces(t, `jitter = "1%"`, "max_age = \"2h\"\ntimeout = \"5s\"", "timeout = \"6s\"\nschedule = \"0 3 * * *\"")
	want := map[string]string{"max_age": "providers.p", "timeout": schedule.OwnTable, "schedule": schedule.OwnTable}
	if !maps.Equal(got.Keys, want) {
		t.Errorf("got keys %v, want %v", got.Keys, want)
	}
	write(t, map[string]string{"c.toml": "[providers.p]\ntype = \"x\"\ntimeout = \"1s\"\n[credentials.a]\nprovider = \"p\"\njitter = \"2%\"\n[credentials.b]\nprovider = \"p\"\n"})
	c := load(t, "c.toml", options())
	if keys := c.Credentials[1].Policy.Keys; !maps.Equal(keys, map[string]string{"timeout": "providers.p"}) {
		t.Errorf("other credential: got keys %v", keys)
	}
}

func TestScheduleAndTimezoneMeet(t *testing.T) {
	const three, four = `schedule = "0 3 * * *"`, `schedule = "0 4 * * *"`
	const utc, tokyo = `timezone = "UTC"`, `timezone = "Asia/Tokyo"`
	const line = "\n"
	for _, c := range []struct {
		renewal, provider, cred string
		want                    string // the first time after midnight UTC
		zone                    string
	}{
		{"", "", "", "", "America/Sao_Paulo"},
		{three, "", "", "06:00", "America/Sao_Paulo"},
		{three + line + utc, "", "", "03:00", "UTC"},
		{three + line + utc, tokyo, "", "18:00", "Asia/Tokyo"},
		{three + line + utc, tokyo, four, "19:00", "Asia/Tokyo"},
		{three + line + utc, "", tokyo, "18:00", "UTC"},
		{three + line + utc, four, utc, "04:00", "UTC"},
		{three, `schedule = ""`, "", "", "America/Sao_Paulo"},
		{three, `schedule = ""`, utc, "", "America/Sao_Paulo"},
		{three, `schedule = ""`, four + line + utc, "04:00", "America/Sao_Paulo"},
	} {
		got, zone := paces(t, c.renewal, c.provider, c.cred)
		at := ""
		if got.Schedule != nil {
			at = got.Schedule.Next(time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)).UTC().Format("15:04")
		}
		if at != c.want || zone.String() != c.zone {
			t.Errorf("%q %q %q: got %q in %v, want %q in %s", c.renewal, c.provider, c.cred, at, zone, c.want, c.zone)
		}
	}
}

// TestAFaultOfPaceIsReportedOnce: an inherited fault is reported only where it
// is configured.
func TestAFaultOfPaceIsReportedOnce(t *testing.T) {
	write(t, map[string]string{"c.toml": `[renewal]
min_interval = "1ms"
max_age = "1ms"
schedule = "nope"
timezone = "nowhere"
[providers.p]
type = "x"
timezone = "UTC"
[credentials.c]
provider = "p"
timeout = "1s"
timezone = "UTC"
`})
	_, faults := Load("c.toml", options())
	expect(t, faults,
		`c.toml:2: renewal.min_interval: 1ms is too short (expected at least 100ms)`,
		`c.toml:4: renewal.schedule: "nope" is not a valid schedule: expected 5 to 6 fields, found 1: [nope] (expected e.g. "0 3 * * *" or "@every 6h")`,
		`c.toml:5: renewal.timezone: "nowhere" is not a valid time zone (expected an IANA name, e.g. "America/Sao_Paulo")`,
	)
}
