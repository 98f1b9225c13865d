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

func TestOffsetHasNoBiasOfTheWholeSecond(t *testing.T) {
	second := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		sent, received time.Duration // since the second of the Date
		want           time.Duration
	}{
		{0, 0, 0},
		{500 * time.Millisecond, 600 * time.Millisecond, 0},
		{999 * time.Millisecond, 1500 * time.Millisecond, 0},
		{-200 * time.Millisecond, 100 * time.Millisecond, 0},
		{1500 * time.Millisecond, 1600 * time.Millisecond, -500 * time.Millisecond},
		{-3 * time.Second, -2 * time.Second, 2 * time.Second},
		{time.Hour, time.Hour, -time.Hour + time.Second},
	} {
		if got := offset(second, second.Add(tt.sent), second.Add(tt.received)); got != tt.want {
			t.Errorf("sent %v, received %v after the Date: got %v, want %v", tt.sent, tt.received, got, tt.want)
		}
	}
}
