package senhasegura

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/vigented/vigente/providers/exchange"
)

func answerOf(body string, headers ...string) *exchange.Answer {
	a := &exchange.Answer{Status: 200, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body), ReceivedAt: testAt}
	for i := 0; i < len(headers); i += 2 {
		a.Header.Set(headers[i], headers[i+1])
	}
	return a
}

func jwt(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
}

func TestLifeOfAToken(t *testing.T) {
	unix := testAt.Unix()
	withExp := func(exp int64) string { return jwt(fmt.Sprintf(`{"exp":%d}`, exp)) }
	date := func(ahead time.Duration) []string {
		return []string{"Date", testAt.Add(ahead).Format(http.TimeFormat)}
	}
	const century = 100 * 365 * 24 * time.Hour
	tests := []struct {
		name, life, token string
		headers           []string
		want              time.Duration // 0: no expiry
	}{
		{"number", `3600`, "t", nil, time.Hour},
		{"text", `"86400"`, "t", nil, 24 * time.Hour},
		{"fraction", `1.5`, "t", nil, 1500 * time.Millisecond},
		{"under a minute", `1`, "t", nil, time.Second},
		{"beyond a century", `1e300`, "t", nil, century},
		{"null", `null`, "t", nil, 0},
		{"no number", `"soon"`, "t", nil, 0},
		{"bool", `true`, "t", nil, 0},
		{"stated life beats the JWT", `60`, withExp(unix + 3600), nil, time.Minute},
		{"JWT, clocks agree", `null`, withExp(unix + 3600), date(0), time.Hour},
		{"JWT, no date", `null`, withExp(unix + 3600), nil, time.Hour},
		{"JWT, server's clock ahead", `null`, withExp(unix + 7200), date(time.Hour), time.Hour},
		{"JWT, server's clock behind", `null`, withExp(unix), date(-time.Hour), time.Hour},
		{"JWT without exp", `null`, jwt(`{}`), nil, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, f := readToken(answerOf(`{"expires_in":`+tt.life+`,"access_token":"`+tt.token+`"}`, tt.headers...), testAt)
			if f != nil {
				t.Fatal(f)
			}
			want := time.Time{}
			if tt.want > 0 {
				want = testAt.Add(tt.want)
			}
			if !c.ExpiresAt.Equal(want) || !c.IssuedAt.Equal(testAt) {
				t.Errorf("expires %v, want %v", c.ExpiresAt, want)
			}
			// A date that was compared with no clock is kept as stated.
			if counted := tt.want > 0 && tt.name != "JWT, no date"; c.CountedExpiry != counted {
				t.Errorf("counted by our clock: %v, want %v", c.CountedExpiry, counted)
			}
		})
	}
}

func TestKeysInAnyCase(t *testing.T) {
	c, f := readToken(answerOf(`{"Token_Type":"BEARER","EXPIRES_IN":60,"Access_Token":"t"}`), testAt)
	if f != nil || c.Values[fieldAuthorization].Reveal() != "Bearer t" || !c.ExpiresAt.Equal(testAt.Add(time.Minute)) {
		t.Errorf("%+v, %v", c, f)
	}
}
