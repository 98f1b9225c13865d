package eventlog

import (
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestClocksThatDifferAreSaidOnce(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	c := NewClocks(zap.New(core))
	for _, offset := range []time.Duration{time.Second, -2 * time.Minute, time.Hour, time.Hour + time.Second, time.Second, -time.Hour} {
		c.Note("vault", offset)
	}
	c.Note("tss", time.Second)
	c.Note("ged", 3*time.Minute)
	var got []string
	for _, l := range logs.All() {
		detail, _, _ := strings.Cut(l.ContextMap()["provider"].(string)+" "+l.Message, ":")
		got = append(got, detail)
	}
	want := "vault clocks differ, vault clocks agree again, vault clocks differ, ged clocks differ"
	if strings.Join(got, ", ") != want {
		t.Errorf("got %v, want %s", got, want)
	}
	first := logs.All()[0].ContextMap()["detail"].(string)
	last := logs.FilterMessage("clocks differ").All()[1].ContextMap()["detail"].(string)
	if !strings.Contains(first, "1h0m0s ahead of ours") || !strings.Contains(last, "1h0m0s behind ours") {
		t.Errorf("got lines %q and %q", first, last)
	}
}
