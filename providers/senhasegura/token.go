package senhasegura

import (
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/tokens"
)

// readToken parses a successful answer. It is lenient where versions differ, and
// strict where an error would reach a user of the token.
func readToken(a *exchange.Answer, at time.Time) (credential.Credential, *credential.Fault) {
	none := credential.Credential{}
	o, whole := parseObject(a.Body)
	if !whole {
		return none, exchange.BadResponse("the vault's answer is not a JSON object (is token_path the token endpoint? is a proxy in the way?)")
	}
	token, ok := o.Text("access_token")
	switch {
	case !ok || token == "":
		return none, exchange.BadResponse("the vault's answer holds no access_token (is token_path the token endpoint?)")
	case !exchange.HeaderText(token):
		// Such a token could break, or inject into, the header it is put into.
		return none, exchange.BadResponse("the access_token contains a space, a control character or a non-ASCII character, which a header cannot carry")
	}
	if kind, ok := o.Text("token_type"); ok && !strings.EqualFold(strings.TrimSpace(kind), "bearer") {
		return none, exchange.BadResponse("the token_type is not Bearer (is this the token endpoint of senhasegura?)")
	}
	end := exchange.TokenEnd(o.Object, token, a, at)
	if !end.At.IsZero() && !end.At.After(at) {
		return none, exchange.BadResponse("the token is already over when it arrives (its stated end is past; is the vault's clock right?)")
	}
	return credential.Credential{
		Values:   tokens.Grant{Token: token, Type: "Bearer"}.Values(),
		IssuedAt: at, ExpiresAt: end.At, CountedExpiry: end.Counted, UnreadEnd: end.Unread,
	}, nil
}
