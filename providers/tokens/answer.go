package tokens

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// Grant is the content of a successful answer.
type Grant struct {
	Token, Type, IDToken, Scope string
	// End is what the answer says about the expiry of the token.
	End exchange.End
	// Refresh is the refresh token, RefreshEnds its expiry if the answer states
	// one.
	Refresh     credential.Secret
	RefreshEnds time.Time
}

// Read parses a successful answer: any object with a token. An answer that
// cannot be parsed may still have spent a refresh token, hence Lost.
func (e *Endpoint) Read(a *exchange.Answer, at time.Time) (Grant, *credential.Fault) {
	o, whole := ParseObject(a.Body)
	if !whole {
		return Grant{}, unusable("the answer is not a JSON object, or is truncated (is token_url the token endpoint? is there a proxy in between?)")
	}
	o = e.standard(o)
	token, _ := o.Text(AccessToken)
	switch {
	case token == "":
		return Grant{}, unusable("the answer contains no " + e.name(AccessToken) + " (is token_url the token endpoint? is the server's name for it in names?)")
	case !exchange.HeaderText(token):
		// Such a token would break the header it is used in, or inject another
		// one.
		return Grant{}, unusable("the " + e.name(AccessToken) + " contains a space, a control character or a non-ASCII character, which a header cannot carry")
	}
	g := Grant{Token: token, Type: "Bearer"}
	if kind, _ := o.Text(TokenType); kind != "" && exchange.HeaderText(kind) {
		g.Type = kind
	}
	g.IDToken = plain(o, IDToken)
	g.Scope = scopeOf(o)
	g.readEnd(o, a, at)
	if refresh := plain(o, RefreshToken); refresh != "" {
		g.Refresh = credential.NewSecret(refresh)
		g.RefreshEnds = refreshEnds(o, refresh, a, at)
	}
	return g, nil
}

// standard returns the answer's members by their standard names.
func (e *Endpoint) standard(o Object) Object {
	for name, theirs := range e.Names {
		if raw, ok := o[strings.ToLower(theirs)]; ok && theirs != name {
			o[name] = raw
		}
	}
	return o
}

// plain returns a text that sinks and requests can use unchanged.
func plain(o Object, name string) string {
	text, _ := o.Text(name)
	if !exchange.PlainText(text) {
		return ""
	}
	return text
}

// scopeOf returns the granted scope; some servers write it as a list.
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

// readEnd determines the expiry of the token. An expiry in the past is treated
// like one that cannot be parsed: the token is used, but as a short-lived one.
func (g *Grant) readEnd(o Object, a *exchange.Answer, at time.Time) {
	g.End = exchange.TokenEnd(o, g.Token, a, at)
	if !g.End.At.IsZero() && !g.End.At.After(at) {
		g.End = exchange.End{Unread: exchange.UnreadEnd("it has passed")}
	}
}

// refreshEnds returns the expiry of the refresh token if the answer states it,
// as a lifetime or in the exp claim of a JWT. Keycloak writes 0 if there is no
// expiry.
func refreshEnds(o Object, refresh string, a *exchange.Answer, at time.Time) time.Time {
	for _, name := range []string{"refresh_expires_in", "refresh_token_expires_in"} {
		if life, ok := exchange.ParseLife(o[name]); ok && life > 0 {
			return at.Add(life).UTC()
		}
	}
	end := exchange.TokenEnd(nil, refresh, a, at).At
	if !end.After(at) {
		return time.Time{}
	}
	return end.UTC()
}

// unusable returns the fault of a success that contains no token.
func unusable(message string) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonBadResponse, Message: message, Lost: true}
}

// Values returns the fields that every kind of token has.
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

// Code returns the error code of a body if it is a standard one: RFC 6749 and
// 8628, OpenID Connect, RFC 8707. Any other text is not trusted.
func (e *Endpoint) Code(body []byte) string {
	o, _ := ParseObject(body)
	if o == nil {
		return ""
	}
	o = e.standard(o)
	text, _ := o.Text("error")
	if nested := o.Member("error"); nested != nil { // some services nest it
		for _, name := range []string{"type", "code"} {
			if inner, ok := nested.Text(name); ok && text == "" {
				text = inner
			}
		}
	}
	text = strings.ToLower(strings.TrimSpace(text))
	if knownCodes[text] {
		return text
	}
	return ""
}

// knownCodes are the standard error codes.
var knownCodes = map[string]bool{
	"invalid_request": true, "invalid_client": true, "invalid_grant": true, "unauthorized_client": true,
	"unsupported_grant_type": true, "invalid_scope": true, "invalid_target": true, "access_denied": true,
	"server_error": true, "temporarily_unavailable": true, "slow_down": true, "authorization_pending": true,
	"expired_token": true, "unsupported_response_type": true, "consent_required": true, "login_required": true,
	"interaction_required": true, "invalid_assertion": true,
}

// Known reports whether code is a standard error code.
func Known(code string) bool { return knownCodes[code] }
