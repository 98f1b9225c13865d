package arqged

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// skewLimit is how far the server's clock may differ from ours before its dates
// are shifted; a smaller difference is the duration of the call.
const skewLimit = 5 * time.Second

// grant is the content of one answer.
type grant struct {
	credential.Credential
	refreshEnds time.Time // zero if the server did not state it
}

// read makes a credential from an answer with a token.
func (s *source) read(o object, a *exchange.Answer, req credential.Request) (grant, *credential.Fault) {
	token := o.text("token")
	userID := plain(o, "idusuario")
	if userID == "" {
		userID = req.Previous.Values[fieldUserID].Reveal()
	}
	login := plain(o, "login")
	if login == "" {
		login = s.username.Reveal()
	}
	lives := s.lives(o, a, req.At)
	if !lives.token.After(req.At) {
		return grant{}, unusable("holds a token that has already expired: compare the clocks of this machine and of the server")
	}
	got := credential.Credential{
		Values: map[string]credential.Secret{
			fieldToken:         credential.NewSecret(token),
			fieldAuthorization: credential.NewSecret("Bearer " + token),
			fieldLogin:         credential.NewSecret(login),
		},
		IssuedAt:      req.At,
		ExpiresAt:     lives.token,
		CountedExpiry: lives.counted,
	}
	if lives.unread {
		got.ExpiresAt, got.UnreadEnd = time.Time{}, exchange.UnreadEnd("ExpiracaoToken")
	}
	if userID != "" {
		got.Values[fieldUserID] = credential.NewSecret(userID)
	}
	return grant{got, lives.refresh}, nil
}

// plain returns a text that is safe in any sink.
func plain(o object, name string) string {
	text := o.text(name)
	if !exchange.PlainText(text) {
		return ""
	}
	return text
}

// lives holds the expiries in one answer. Counted means they are on our clock:
// compared with the server's, or counted from the lifetime.
type lives struct {
	token, refresh time.Time
	counted        bool
	unread         bool // an expiry of the token is stated but cannot be parsed
}

// lives reads the expiries of an answer, converted to our own clock.
func (s *source) lives(o object, a *exchange.Answer, at time.Time) lives {
	shift := time.Duration(0)
	date, compared := a.Date()
	if compared && at.Sub(date).Abs() > skewLimit {
		shift = at.Sub(date)
	}
	there := at.Add(-shift) // the time on the server's clock
	asked := there.Add(time.Duration(s.minutes) * time.Minute)
	// It is not documented whether a refreshed token has the requested lifetime or
	// the vendor's default.
	expected := []time.Time{asked, there.Add(defaultMinutes * time.Minute)}
	claim, ok := exchange.JWTExpiry(o.text("token"))
	if !ok || claim.Sub(there) >= maxLife {
		claim = time.Time{}
	} else {
		expected = []time.Time{claim}
	}
	var stated time.Time
	var like *style
	if r, ok := resolve(readings(o["expiracaotoken"], s.zones), there, expected); ok {
		stated, like = r.at, &r.style
	}
	end := deadline(there, claim, stated, asked)
	l := lives{token: end.Add(shift), counted: compared || end.Equal(asked)}
	l.unread = claim.IsZero() && stated.IsZero() && states(o["expiracaotoken"])
	end, ok = exchange.JWTExpiry(o.text("refreshtoken"))
	if !ok || !end.After(there) || end.Sub(there) >= maxLife {
		end = refreshEnd(readings(o["expiracaorefreshtoken"], s.zones), there, like)
	}
	if !end.IsZero() {
		l.refresh = end.Add(shift)
	}
	return l
}

// states reports whether a member holds a date at all: null, an empty text and
// .NET's unset date do not.
func states(raw json.RawMessage) bool {
	text := strings.Trim(string(raw), "\" \t\r\n")
	return text != "" && text != "null" && !strings.HasPrefix(text, "0001-01-01") && !strings.HasPrefix(text, "01/01/0001") && !strings.HasPrefix(text, "1/1/0001")
}

// keep stores the seed. If an answer of RefreshToken has no refresh token, the
// one that was sent stays valid with its expiry. This does not hold for Login,
// which is called only when the old refresh token has expired or is in doubt.
func (s *source) keep(got *grant, o object, op operation, req credential.Request, key int) {
	token, end := credential.NewSecret(o.text("refreshtoken")), got.refreshEnds
	if old, ok := readSeed(req.Previous); ok && token.IsZero() && op == refreshing {
		token, end = old.token, old.endsAt
	}
	got.Seed = map[string]credential.Secret{}
	if len(s.keys.keys) > 1 {
		got.Seed[seedKey] = credential.NewSecret(strconv.Itoa(key + 1))
	}
	userID := got.Values[fieldUserID]
	if token.IsZero() || userID.IsZero() {
		return
	}
	got.Seed[seedToken], got.Seed[seedUserID] = token, userID
	if !end.IsZero() {
		got.Seed[seedEndsAt] = credential.NewSecret(end.UTC().Format(time.RFC3339))
		got.Limits = []credential.Limit{{Kind: "refresh_token", EndsAt: end.UTC()}}
	}
}
