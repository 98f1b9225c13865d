package senhasegura

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/providers/kit"
)

// readToken reads a successful answer. It is lenient where versions differ and
// strict where a mistake would reach a user of the token.
func readToken(a *kit.Answer, at time.Time) (credential.Credential, *credential.Fault) {
	none := credential.Credential{}
	o, whole := parseObject(a.Body)
	if !whole {
		return none, badResponse("the vault's answer is no JSON object (is token_path the token endpoint? is a proxy in the way?)")
	}
	token, ok := o.text("access_token")
	switch {
	case !ok || token == "":
		return none, badResponse("the vault's answer holds no access_token (is token_path the token endpoint?)")
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		// Such a token would break, or write, the header it is put into.
		return none, badResponse("the access_token holds a blank, a control character or one beyond ASCII, which no header can carry")
	}
	if kind, ok := o.text("token_type"); ok && !strings.EqualFold(strings.TrimSpace(kind), "bearer") {
		return none, badResponse("the token_type is not Bearer (is this the token endpoint of senhasegura?)")
	}
	life, counted, stated := lifeOf(o["expires_in"], token, a, at)
	got := credential.Credential{
		Values: map[string]credential.Secret{
			fieldAccessToken:   credential.NewSecret(token),
			fieldTokenType:     credential.NewSecret("Bearer"),
			fieldAuthorization: credential.NewSecret("Bearer " + token),
		},
		IssuedAt: at,
	}
	if !stated {
		return got, nil
	}
	if life <= 0 {
		return none, badResponse("the token is already over when it arrives (its stated life is zero or less; is the vault's clock right?)")
	}
	got.ExpiresAt, got.CountedExpiry = at.Add(life), counted
	return got, nil
}

// lifeOf returns what is left of the token's life: expires_in of this very
// answer, since the documents name an hour and a day; else the exp claim of a
// JWT against the server's own clock; else nothing. Counted says that it does
// not rest on a date that was compared with no clock but ours.
func lifeOf(expiresIn json.RawMessage, token string, a *kit.Answer, at time.Time) (life time.Duration, counted, stated bool) {
	if life, ok := kit.ParseLife(expiresIn); ok {
		return life, true, true
	}
	end, ok := kit.JWTExpiry(token)
	if !ok {
		return 0, false, false
	}
	if date, ok := a.Date(); ok {
		return end.Sub(date), true, true
	}
	return end.Sub(at), false, true
}

func badResponse(message string) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonBadResponse, Message: message}
}
