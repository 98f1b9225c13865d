package load

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/section"
)

// budgeted loads one provider whose kind has its own rates.
func budgeted(t testing.TB, kindRate, key string) ([]schedule.Rate, []section.Fault) {
	t.Helper()
	enter(t, "[providers.p]\ntype = \"fake\"\nurl = \"u\"\n"+key+"\n")
	cfg, _ := config.Load("config.toml", config.Options{Getenv: testEnv, UID: 1000})
	opt := fakeOptions()
	opt.Providers[0].Rate = kindRate
	loaded := New(opt).Open(cfg)
	if len(loaded.Faults) > 0 {
		return nil, loaded.Faults
	}
	return loaded.providers[0].rates, nil
}

func TestTheKindsBudgetHoldsWhereNoneIsSet(t *testing.T) {
	const own = "4/s, 240/min, 2400/h"
	vendor := []schedule.Rate{{Calls: 4, Per: time.Second}, {Calls: 240, Per: time.Minute}, {Calls: 2400, Per: time.Hour}}
	for _, c := range []struct {
		kind, key string
		want      []schedule.Rate
	}{
		{own, ``, vendor},
		{own, `rate = "1/s"`, []schedule.Rate{{Calls: 1, Per: time.Second}}},
		{own, `rate = ""`, nil},
		{"", ``, nil},
		{"", `rate = "1/s"`, []schedule.Rate{{Calls: 1, Per: time.Second}}},
	} {
		got, faults := budgeted(t, c.kind, c.key)
		if len(faults) > 0 || !slices.Equal(got, c.want) {
			t.Errorf("kind %q, %q: %v %v, want %v", c.kind, c.key, got, faults, c.want)
		}
	}
	if _, faults := budgeted(t, "often", ""); len(faults) != 1 || !strings.Contains(faults[0].Message, "fault of vigente") {
		t.Errorf("got faults %v for a kind with invalid rates", faults)
	}
}
