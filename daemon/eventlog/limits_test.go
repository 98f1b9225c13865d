package eventlog

import (
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
)

func TestLimitsAreWarnedOfOnceADayAndAhead(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	view := func(after time.Duration) engine.View {
		limits := []credential.Limit{
			{Kind: "certificate", EndsAt: at.Add(40 * 24 * time.Hour), Person: true},
			{Kind: "refresh_token", EndsAt: at.Add(24 * time.Hour)},
		}
		return engine.View{At: at.Add(after), Credentials: []engine.CredentialView{{Name: "a", Provider: "p", Limits: limits}}}
	}
	said := map[string]time.Time{}
	const day = 24 * time.Hour
	for _, step := range []struct {
		after time.Duration
		want  string
	}{
		{0, ""},
		{11 * day, "in 29 days: the certificate"},
		{11*day + time.Hour, ""},
		{12 * day, "in 28 days"},
		{41 * day, "now: the certificate has ended"},
	} {
		got := limitsSoon(view(step.after), nil, said)
		if step.want == "" != (len(got) == 0) {
			t.Errorf("after %s: got %v, want no warning", step.after, got)
			continue
		}
		if len(got) > 0 && (len(got) != 1 || !strings.Contains(got[0].detail, step.want)) {
			t.Errorf("after %s: got %v, want %q", step.after, got, step.want)
		}
	}
}

func TestLimitsOfTheListenerAreWarnedOf(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	said, limits := map[string]time.Time{}, []credential.Limit{{Kind: "certificate", EndsAt: at.Add(50 * time.Hour), Person: true}}
	got := limitsSoon(engine.View{At: at}, limits, said)
	if len(got) != 1 || got[0].credential != "" || !strings.Contains(got[0].detail, "within 2 days: the listener's certificate") {
		t.Errorf("got %+v", got)
	}
	if again := limitsSoon(engine.View{At: at.Add(time.Hour)}, limits, said); len(again) > 0 {
		t.Errorf("warned again after an hour: %+v", again)
	}
}
