package transport

import (
	"net/http"
	"testing"
	"time"

	"github.com/vigented/vigente/providers"
)

// dated answers with a Date that is off.
type dated time.Duration

func (d dated) RoundTrip(*http.Request) (*http.Response, error) {
	date := time.Now().Add(time.Duration(d)).UTC().Format(http.TimeFormat)
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Date": {date}}, Body: http.NoBody}, nil
}

func TestEveryAnswerShowsTheClockOfItsServer(t *testing.T) {
	offsets := map[string]time.Duration{}
	for provider, off := range map[string]time.Duration{"late": -time.Hour, "early": time.Hour, "right": 0} {
		l := &Lender{
			Base:    func(providers.TransportOptions) http.RoundTripper { return dated(off) },
			Observe: func(provider string, offset time.Duration) { offsets[provider] = offset },
		}
		env, release := l.Lend(provider, time.UTC)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://a.invalid/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := env.Transport(providers.TransportOptions{}).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		release()
		if got := offsets[provider]; (got - off).Abs() > 3*time.Second {
			t.Errorf("%s: got %s, want %s", provider, got, off)
		}
	}
}
