package integracontador

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// pair obtains the session pair. A second call before its expiry returns the
// same token with its remaining lifetime, and does no harm.
type pair struct{ *backend }

// Refresh logs in once.
func (p *pair) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	if f := p.certificate.ready(req.At); f != nil {
		return credential.Credential{}, f
	}
	out, err := p.login(ctx)
	if err != nil {
		return credential.Credential{}, exchange.BrokenRequest(err)
	}
	var got credential.Credential
	_, err = p.client.Ask(ctx, out, func(a *exchange.Answer) (f *credential.Fault) {
		if f = classifyLogin(a); f == nil {
			got, f = readPair(a, req.At)
		}
		return f
	})
	if err != nil {
		return credential.Credential{}, err
	}
	if repeats(got, req.Previous) {
		got.UsefulAfter = got.ExpiresAt.Add(afterEnd)
	}
	return got, nil
}

// afterEnd is how long after its expiry a repeated session is requested again:
// expires_in is in whole seconds.
const afterEnd = 2 * time.Second

// repeats reports whether the server returns the same session until it expires:
// a call before then is useless, and one in that very second would cost a whole
// minimum interval without a session.
func repeats(got, previous credential.Credential) bool {
	token := got.Values[fieldAccessToken]
	return !got.ExpiresAt.IsZero() && token.Equal(previous.Values[fieldAccessToken])
}

// Probe reports whether the service can be reached, without a login.
func (p *pair) Probe(ctx context.Context) error { return p.client.Reach(ctx, p.authURL.String()) }

// login builds the documented request. The sample in the documents encodes a
// line break at the end of the Basic header; this one does not.
func (p *pair) login(ctx context.Context) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.authURL.String(), strings.NewReader("grant_type=client_credentials"))
	if err != nil {
		return nil, err
	}
	both := p.consumerKey.Reveal() + ":" + p.secret.Reveal()
	req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(both)))
	req.Header.Set("Role-Type", "TERCEIROS")
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	return req, nil
}

// readPair reads a successful login. Both tokens come from this one answer.
func readPair(a *exchange.Answer, at time.Time) (credential.Credential, *credential.Fault) {
	none := credential.Credential{}
	var body struct {
		AccessToken string `json:"access_token"`
		JWT         string `json:"jwt_token"`
		TokenType   string `json:"token_type"`
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(trimBOM(a.Body), &body) != nil || json.Unmarshal(trimBOM(a.Body), &members) != nil {
		return none, exchange.BadResponse("the login's answer is not a JSON object with two tokens (is auth_url right? is a proxy in the way?)")
	}
	switch {
	case body.AccessToken == "":
		return none, exchange.BadResponse("the login's answer holds no access_token (is auth_url right?)")
	case body.JWT == "":
		return none, exchange.BadResponse("the login's answer holds no jwt_token (is auth_url that of Integra Contador, https://autenticacao.sapi.serpro.gov.br/authenticate?)")
	case !exchange.HeaderText(body.AccessToken) || !exchange.HeaderText(body.JWT):
		// Such a token could break, or inject into, the header it is put into.
		return none, exchange.BadResponse("a token of the login contains a space, a control character or a non-ASCII character, which a header cannot carry")
	case body.TokenType != "" && !strings.EqualFold(strings.TrimSpace(body.TokenType), "bearer"):
		return none, exchange.BadResponse("the login's token_type is not Bearer (is auth_url right?)")
	}
	end := exchange.TokenEnd(members, body.AccessToken, a, at)
	// The service states the remaining lifetime: zero means it has expired.
	left, counted := exchange.ParseLife(members["expires_in"])
	if counted && left <= 0 || !end.At.IsZero() && !end.At.After(at) {
		return none, exchange.BadResponse("the session is already over when it arrives (its stated end is past)")
	}
	return credential.Credential{
		Values: map[string]credential.Secret{
			fieldAccessToken:   credential.NewSecret(body.AccessToken),
			fieldJWT:           credential.NewSecret(body.JWT),
			fieldAuthorization: credential.NewSecret("Bearer " + body.AccessToken),
		},
		IssuedAt: at, ExpiresAt: end.At, CountedExpiry: end.Counted, UnreadEnd: end.Unread,
	}, nil
}

// documentedLife is the longest lifetime the vendor states; the real one is in
// each answer.
const documentedLife = time.Hour

// Rehearse returns what a good answer would contain, without a call.
func (p *pair) Rehearse(req credential.Request) credential.Credential {
	return credential.Credential{ExpiresAt: req.At.Add(documentedLife), CountedExpiry: true}
}
