package engine

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

func TestCredentialStates(t *testing.T) {
	t0 := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	end := t0.Add(time.Hour)
	stated := credential.Credential{Values: map[string]credential.Secret{"token": credential.NewSecret("x")}, IssuedAt: t0, ExpiresAt: end}
	policy, midnight := stated, stated
	policy.PolicyExpiry = true
	midnight.UsefulAfter = end.Add(2 * time.Second)
	before, after := schedule.Past{AttemptAt: t0}, schedule.Past{AttemptAt: end.Add(time.Second), Failures: 1}
	for _, c := range []struct {
		name    string
		token   credential.Credential
		past    schedule.Past
		running bool
		at      time.Duration // after the end
		want    State
		until   time.Duration // likewise; -1 for ever
	}{
		{"in force", stated, before, false, -time.Second, Valid, 0},
		{"in force and failing", stated, schedule.Past{AttemptAt: t0, Failures: 2}, false, -time.Second, Failing, 0},
		{"over", stated, before, true, 0, Expired, -1},
		{"parked and over", stated, schedule.Past{Parked: true}, false, time.Hour, Parked, -1},
		{"nothing yet", credential.Credential{}, before, true, 0, Pending, -1},
		{"age not reached", policy, before, false, -time.Second, Valid, 0},
		{"age reached, first attempt under way", policy, before, true, time.Second, Valid, -1},
		{"age reached, nothing under way", policy, before, false, time.Second, Overdue, -1},
		{"age reached, second attempt under way", policy, after, true, time.Minute, Overdue, -1},
		{"asking earlier was useless", midnight, before, false, time.Second, Handover, time.Minute},
		{"asking earlier was useless, under way", midnight, before, true, 59 * time.Second, Handover, time.Minute},
		{"handover takes too long", midnight, before, true, time.Minute, Expired, -1},
		{"handover failed", midnight, after, true, 3 * time.Second, Expired, -1},
	} {
		row := &credentialRow{spec: &plan.Credential{Common: &plan.Common{}}, record: schedule.Pack(schedule.Record{Part: schedule.Token{Credential: c.token}, Past: c.past}), running: c.running}
		state, until := row.judge(end.Add(c.at))
		if state != c.want {
			t.Errorf("%s: %s, want %s", c.name, state, c.want)
		}
		if want := end.Add(c.until); c.until >= 0 && !until.Equal(want) || c.until < 0 && !until.IsZero() {
			t.Errorf("%s: until %s, want %s after the end", c.name, until.Sub(end), c.until)
		}
	}
}
