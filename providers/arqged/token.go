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
// are shifted: less than this is the time of the call.
const skewLimit = 5 * time.Second

// grant is what one answer gave.
type grant struct {
	credential.Credential
	refreshEnds time.Time // zero when the server did not say
}

// read makes a credential of an answer with a token.
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
		return grant{}, unusable("holds a token that is over already: compare the clocks of this machine and of the server")
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

// plain returns a text that a sink can take as it is.
func plain(o object, name string) string {
	text := o.text(name)
	if !exchange.PlainText(text) {
		return ""
	}
	return text
}

// lives are the ends of what one answer gave. Counted says that they hold by our
// clock: it was compared with the server's, or the life counts from it.
type lives struct {
	token, refresh time.Time
	counted        bool
	unread         bool // an end of the token is stated that cannot be read
}

// lives reads them, all on our own clock.
func (s *source) lives(o object, a *exchange.Answer, at time.Time) lives {
	shift := time.Duration(0)
	date, compared := a.Date()
	if compared && at.Sub(date).Abs() > skewLimit {
		shift = at.Sub(date)
	}
	there := at.Add(-shift) // what the server's clock shows
	asked := there.Add(time.Duration(s.minutes) * time.Minute)
	// Whether a refresh keeps the life that was asked for, or gives the vendor's
	// default, is not documented.
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

// states reports whether a date says anything: null, no text, and .NET's date
// that was never set do not.
func states(raw json.RawMessage) bool {
	text := strings.Trim(string(raw), "\" \t\r\n")
	return text != "" && text != "null" && !strings.HasPrefix(text, "0001-01-01") && !strings.HasPrefix(text, "01/01/0001") && !strings.HasPrefix(text, "1/1/0001")
}

// keep stores what renews. An answer of RefreshToken without a refresh token
// leaves the one that was shown in force, with its end; an answer of Login does
// not, since a Login is made when the old one is over or in doubt.
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
