package tokens

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// Grant is what one good answer gave.
type Grant struct {
	Token, Type, IDToken, Scope string
	// ExpiresAt is the end of the token, zero when the answer states none.
	// Counted says that it was placed on this machine's clock.
	ExpiresAt time.Time
	Counted   bool
	// Unreadable says that an end is stated, and none of the statements can be
	// read or lies ahead.
	Unreadable bool
	// Refresh is the refresh token, RefreshEnds the end of its life where the
	// answer tells.
	Refresh     credential.Secret
	RefreshEnds time.Time
}

// Read reads an answer of success: any object with a token is one. Zone is that
// of dates without one. An answer that cannot be read may have spent a refresh
// token all the same, hence Lost.
func (e *Endpoint) Read(a *exchange.Answer, at time.Time, zone *time.Location) (Grant, *credential.Fault) {
	o, whole := ParseObject(a.Body)
	if !whole {
		return Grant{}, unusable("the answer is no JSON object, or is cut (is token_url the token endpoint? is a proxy in the way?)")
	}
	o = e.standard(o)
	token, _ := o.Text(AccessToken)
	switch {
	case token == "":
		return Grant{}, unusable("the answer holds no " + e.name(AccessToken) + " (is token_url the token endpoint? does names say what the server calls it?)")
	case !exchange.HeaderText(token):
		return Grant{}, unusable("the " + e.name(AccessToken) + " holds a blank, a control character or one beyond ASCII, which no header can carry")
	}
	g := Grant{Token: token, Type: "Bearer"}
	if kind, _ := o.Text(TokenType); kind != "" && exchange.HeaderText(kind) {
		g.Type = kind
	}
	g.IDToken = plain(o, IDToken)
	g.Scope = scopeOf(o)
	g.life(o, a, at, zone)
	if refresh := plain(o, RefreshToken); refresh != "" {
		g.Refresh = credential.NewSecret(refresh)
		g.RefreshEnds = refreshEnds(o, refresh, a, at)
	}
	return g, nil
}

// standard returns the answer's members by the names of the standards.
func (e *Endpoint) standard(o Object) Object {
	for name, theirs := range e.Names {
		if raw, ok := o[strings.ToLower(theirs)]; ok && theirs != name {
			o[name] = raw
		}
	}
	return o
}

// plain returns a text that a sink and a request can take as it is.
func plain(o Object, name string) string {
	text, _ := o.Text(name)
	if !exchange.PlainText(text) {
		return ""
	}
	return text
}

// scopeOf returns the scope as granted; some servers write it as a list.
func scopeOf(o Object) string {
	var words []string
	if json.Unmarshal(o[Scope], &words) == nil && len(words) > 0 {
		text := strings.Join(words, " ")
		if exchange.PlainText(text) {
			return text
		}
	}
	return plain(o, Scope)
}

// life finds the end of the token: expires_in, which counts from before the
// call, else expires_at or expires_on, else the exp of a JWT. A statement that
// cannot be read, or that says that the token is over, is passed over.
func (g *Grant) life(o Object, a *exchange.Answer, at time.Time, zone *time.Location) {
	if life, ok := exchange.ParseLife(o["expires_in"]); ok && life > 0 {
		g.ExpiresAt, g.Counted = at.Add(life), true
		return
	}
	stated := o.Has("expires_in")
	for _, name := range []string{"expires_at", "expires_on"} {
		if !o.Has(name) {
			continue
		}
		stated = true
		if end, ok := Instant(o[name], zone); ok && place(g, end, a, at) {
			return
		}
	}
	if end, ok := exchange.JWTExpiry(g.Token); ok {
		stated = true
		if place(g, end, a, at) {
			return
		}
	}
	g.Unreadable = stated
}

// place puts a server's instant on our clock, by the Date of the answer where
// there is one, and reports whether it lies ahead.
func place(g *Grant, end time.Time, a *exchange.Answer, at time.Time) bool {
	date, counted := a.Date()
	if counted {
		end = at.Add(end.Sub(date))
	}
	if !end.After(at) {
		return false
	}
	g.ExpiresAt, g.Counted = end.UTC(), counted
	return true
}

// secondsEnd is beyond any instant that is meant in seconds: the year 5138.
const secondsEnd = 1e11

// Instant reads an instant as servers write it: Unix seconds or milliseconds,
// as a number or text, RFC 3339, or the same without a zone.
func Instant(raw json.RawMessage, zone *time.Location) (time.Time, bool) {
	text := strings.TrimSpace(string(raw))
	if quoted, ok := (Object{"x": raw}).Text("x"); ok {
		text = strings.TrimSpace(quoted)
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		switch {
		case !(n > 0) || n > 1000*secondsEnd:
			return time.Time{}, false
		case n > secondsEnd:
			n /= 1000
		}
		return time.Unix(int64(n), 0).UTC(), true
	}
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}

// refreshEnds is the end of the refresh token where the answer tells: by a life
// of its own, or by the exp of a JWT. Keycloak writes 0 for one without an end.
func refreshEnds(o Object, refresh string, a *exchange.Answer, at time.Time) time.Time {
	for _, name := range []string{"refresh_expires_in", "refresh_token_expires_in"} {
		if life, ok := exchange.ParseLife(o[name]); ok && life > 0 {
			return at.Add(life).UTC()
		}
	}
	var g Grant
	if end, ok := exchange.JWTExpiry(refresh); ok && place(&g, end, a, at) {
		return g.ExpiresAt
	}
	return time.Time{}
}

// unusable is an answer of success that gives no token.
func unusable(message string) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonBadResponse, Message: message, Lost: true}
}

// Values are the fields of a credential that every kind of token has.
func (g Grant) Values() map[string]credential.Secret {
	values := map[string]credential.Secret{
		AccessToken:        credential.NewSecret(g.Token),
		TokenType:          credential.NewSecret(g.Type),
		FieldAuthorization: credential.NewSecret("Bearer " + g.Token),
	}
	for name, text := range map[string]string{IDToken: g.IDToken, Scope: g.Scope} {
		if text != "" {
			values[name] = credential.NewSecret(text)
		}
	}
	return values
}

// Code returns the error code of a body if a standard knows it: RFC 6749 and
// 8628, OpenID Connect, RFC 8707. Any other text could be anything.
func (e *Endpoint) Code(body []byte) string {
	o, _ := ParseObject(body)
	if o == nil {
		return ""
	}
	text, _ := e.standard(o).Text("error")
	text = strings.ToLower(strings.TrimSpace(text))
	if knownCodes[text] {
		return text
	}
	return ""
}

// knownCodes are the codes of the standards.
var knownCodes = map[string]bool{
	"invalid_request": true, "invalid_client": true, "invalid_grant": true, "unauthorized_client": true,
	"unsupported_grant_type": true, "invalid_scope": true, "invalid_target": true, "access_denied": true,
	"server_error": true, "temporarily_unavailable": true, "slow_down": true, "authorization_pending": true,
	"expired_token": true, "unsupported_response_type": true, "consent_required": true, "login_required": true,
	"interaction_required": true, "invalid_assertion": true,
}

// Known reports whether a code is one of the standards.
func Known(code string) bool { return knownCodes[code] }
