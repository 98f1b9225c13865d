package daemon

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func TestClocksThatDifferAreSaidOnce(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	c := newClockWarner(zap.New(core))
	for _, offset := range []time.Duration{time.Second, -2 * time.Minute, time.Hour, time.Hour + time.Second, time.Second, -time.Hour} {
		c.note("vault", offset)
	}
	c.note("tss", time.Second)
	c.note("ged", 3*time.Minute)
	var got []string
	for _, l := range logs.All() {
		detail, _, _ := strings.Cut(l.ContextMap()["provider"].(string)+" "+l.Message, ":")
		got = append(got, detail)
	}
	want := "vault clocks differ, vault clocks agree again, vault clocks differ, ged clocks differ"
	if strings.Join(got, ", ") != want {
		t.Errorf("%v, want %s", got, want)
	}
	first := logs.All()[0].ContextMap()["detail"].(string)
	last := logs.FilterMessage("clocks differ").All()[1].ContextMap()["detail"].(string)
	if !strings.Contains(first, "1h0m0s ahead of ours") || !strings.Contains(last, "1h0m0s behind ours") {
		t.Errorf("%q, %q", first, last)
	}
}

// dated answers with a Date that is off.
type dated time.Duration

func (d dated) RoundTrip(*http.Request) (*http.Response, error) {
	date := time.Now().Add(time.Duration(d)).UTC().Format(http.TimeFormat)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Date": {date}}, Body: http.NoBody}, nil
}

func TestEveryAnswerShowsTheClockOfItsServer(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	d := &Daemon{warner: newClockWarner(zap.New(core)), clocks: &clockNotes{}}
	for provider, off := range map[string]time.Duration{"late": -time.Hour, "early": time.Hour, "right": 0} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a.invalid/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := clockWatch{dated(off), d, provider}.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := d.clocks.of(provider); (got - off).Abs() > 3*time.Second {
			t.Errorf("%s: %s, want %s", provider, got, off)
		}
	}
	if n := logs.FilterMessage("clocks differ").Len(); n != 2 {
		t.Errorf("%d warnings, want one of each wrong clock", n)
	}
}
