package oauth2

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/tokens"
)

// ready returns why a login is impossible here.
func (s *source) ready() error {
	if s.grant != grantRefresh {
		return fmt.Errorf("credential %s: %w (expected one with grant = %q)", s.name, credential.ErrNoLogin, grantRefresh)
	}
	if s.client == nil {
		return refusedLogin("its provider's keys are not complete: see vigente check")
	}
	return nil
}

// Invite starts a login: by device if the service supports it, else by code.
func (s *source) Invite(ctx context.Context, at time.Time, offer string) (credential.Invitation, error) {
	switch err := s.ready(); {
	case err != nil:
		return credential.Invitation{}, err
	case s.way.device != nil:
		return s.inviteDevice(ctx, at)
	case s.way.authorize == nil:
		return credential.Invitation{}, refusedLogin("its provider has neither device_url nor authorize_url (set one, or bring a refresh token: vigente login " + s.name + " --refresh-token -)")
	}
	return s.inviteCode(offer), nil
}

// inviteCode builds the address of the page on which a person consents (RFC 6749,
// 4.1.1, with PKCE).
func (s *source) inviteCode(offer string) credential.Invitation {
	in := credential.Invitation{Redirect: offer, State: rand.Text(), Verifier: rand.Text() + rand.Text()}
	if s.way.redirect != "" {
		in.Redirect = s.way.redirect
	}
	sum := sha256.Sum256([]byte(in.Verifier))
	query := s.way.authorize.Query()
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("response_type", "code")
	set(tokens.ClientID, s.clientID.Reveal())
	set("redirect_uri", in.Redirect)
	set(tokens.Scope, s.scope)
	set("audience", s.audience)
	set("state", in.State)
	set("code_challenge", base64.RawURLEncoding.EncodeToString(sum[:]))
	set("code_challenge_method", "S256")
	if slices.Contains(strings.Fields(s.scope), "openid") {
		in.Nonce = rand.Text()
		set("nonce", in.Nonce)
	}
	address := *s.way.authorize
	address.RawQuery = query.Encode()
	in.Address = address.String()
	return in
}

// inviteDevice requests a code that a person types elsewhere (RFC 8628, 3.1).
func (s *source) inviteDevice(ctx context.Context, at time.Time) (credential.Invitation, error) {
	none := credential.Invitation{}
	to := *s.endpoint
	to.URL, to.Names = s.way.device, s.names
	var params []tokens.Param
	if s.scope != "" {
		params = append(params, tokens.Text(tokens.Scope, s.scope))
	}
	if to.Auth == tokens.Basic {
		params = append(params, tokens.Param{Name: tokens.ClientID, Value: s.clientID}) // RFC 8628 always requires it
	}
	out, f := to.Request(ctx, at, params, nil)
	if f != nil {
		return none, f
	}
	a, err := s.client.Ask(ctx, out, func(a *exchange.Answer) *credential.Fault { return s.classify(a, &to, exchanging) })
	if err != nil {
		return none, err
	}
	o, _ := tokens.ParseObject(a.Body)
	in := credential.Invitation{Interval: defaultInterval, EndsAt: at.Add(defaultDeviceLife)}
	in.Device, _ = o.Text("device_code")
	in.UserCode, _ = o.Text("user_code")
	for _, name := range []string{"verification_uri", "verification_url"} { // the second is Google's
		if text, ok := o.Text(name); ok && in.Address == "" {
			in.Address = text
		}
	}
	if d, ok := exchange.ParseLife(o["interval"]); ok && d > 0 {
		in.Interval = d
	}
	if d, ok := exchange.ParseLife(o["expires_in"]); ok && d > 0 {
		in.EndsAt = at.Add(d)
	}
	if u, err := url.Parse(in.Address); in.Device == "" || in.UserCode == "" || err != nil || u.Scheme != "https" && u.Scheme != "http" ||
		!exchange.PlainText(in.UserCode) || !exchange.HeaderText(in.Address) {
		return none, exchange.BadResponse("the answer of device_url holds no code to type, or no page to type it on (is device_url the device authorization endpoint?)")
	}
	return in, nil
}

const (
	defaultInterval   = 5 * time.Second
	defaultDeviceLife = 15 * time.Minute
	slowDown          = 5 * time.Second
)

// Redeem exchanges the code in the address to which the browser was redirected.
func (s *source) Redeem(ctx context.Context, at time.Time, in credential.Invitation, address credential.Secret) (credential.Credential, error) {
	if err := s.ready(); err != nil {
		return credential.Credential{}, err
	}
	code, err := s.codeOf(in, address)
	if err != nil {
		return credential.Credential{}, err
	}
	got, f := s.exchangeFor(ctx, at, []tokens.Param{
		tokens.Text(tokens.GrantType, grantCode),
		{Name: "code", Value: code},
		tokens.Text("redirect_uri", in.Redirect),
		tokens.Text("code_verifier", in.Verifier),
	})
	if f != nil {
		return credential.Credential{}, f
	}
	if err := s.checkIdentity(got.IDToken, in.Nonce); err != nil {
		return credential.Credential{}, err
	}
	return s.adopted(got, at)
}

// codeOf reads the address to which the browser was redirected. It must belong to
// this invitation, and come from this server (RFC 9207).
func (s *source) codeOf(in credential.Invitation, address credential.Secret) (credential.Secret, error) {
	u, err := url.Parse(strings.TrimSpace(address.Reveal()))
	if err != nil || u.Scheme == "" && u.RawQuery == "" {
		return credential.Secret{}, refusedLogin("this is not the address that the browser came back to (expected it whole, with code= and state= in it)")
	}
	query := u.Query()
	code := credential.NewSecret(query.Get("code"))
	switch {
	case query.Get("state") != in.State:
		return credential.Secret{}, refusedLogin("the state in the address is that of another login: open the page that was shown last")
	case query.Get("iss") != "" && !s.issues(query.Get("iss")):
		return credential.Secret{}, refusedLogin("the answer is of another server than authorize_url (its iss differs)")
	case query.Get("error") == "access_denied":
		return credential.Secret{}, refusedLogin("the person denied it")
	case tokens.Known(query.Get("error")):
		return credential.Secret{}, refusedLogin("the server answers " + query.Get("error") + ": check client_id, redirect_url and scope")
	case query.Get("error") != "" || code.IsZero():
		return credential.Secret{}, refusedLogin("the server gave no code: check client_id, redirect_url and scope")
	}
	return code, nil
}

// issues reports whether an issuer may be this server: it must be on the host of
// one of the endpoints.
func (s *source) issues(issuer string) bool {
	return sameHost(issuer, s.way.authorize.String()) || sameHost(issuer, s.endpoint.URL.String())
}

// checkIdentity checks an identity token from the login. It came directly from
// the server over TLS, so verifying its signature is not required (OpenID Connect
// Core, 3.1.3.7).
func (s *source) checkIdentity(token, nonce string) error {
	if token == "" {
		return nil
	}
	var claims struct {
		Issuer string          `json:"iss"`
		Nonce  string          `json:"nonce"`
		For    json.RawMessage `json:"aud"`
	}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return refusedLogin("the identity token of the answer cannot be read")
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil || json.Unmarshal(payload, &claims) != nil {
		return refusedLogin("the identity token of the answer cannot be read")
	}
	var one string
	var many []string
	_ = json.Unmarshal(claims.For, &one)
	_ = json.Unmarshal(claims.For, &many)
	id := s.clientID.Reveal()
	switch {
	case nonce != "" && claims.Nonce != nonce:
		return refusedLogin("the identity token is of another login (its nonce differs)")
	case one != id && !slices.Contains(many, id):
		return refusedLogin("the identity token is for another client (its aud differs)")
	case s.way.authorize != nil && claims.Issuer != "" && !s.issues(claims.Issuer):
		return refusedLogin("the identity token is of another server (its iss differs)")
	}
	return nil
}

// Poll asks whether the person has typed the code of a device.
func (s *source) Poll(ctx context.Context, at time.Time, in credential.Invitation) (c credential.Credential, pending bool, slower time.Duration, err error) {
	if err := s.ready(); err != nil {
		return c, false, 0, err
	}
	if !at.Before(in.EndsAt) {
		return c, false, 0, refusedLogin("nobody typed the code in time: run vigente login " + s.name + " again")
	}
	got, f := s.exchangeFor(ctx, at, []tokens.Param{
		tokens.Text(tokens.GrantType, grantDevice),
		tokens.Text("device_code", in.Device),
	})
	switch {
	case f == nil:
		c, err = s.adopted(got, at)
		return c, false, 0, err
	case f.Code == "authorization_pending":
		return c, true, 0, nil
	case f.Code == "slow_down", f.Reason == credential.ReasonNetwork, f.Reason == credential.ReasonTimeout, f.Reason == credential.ReasonServer,
		f.Reason == credential.ReasonThrottled: // RFC 8628, 3.5
		return c, true, slowDown, nil
	}
	return c, false, 0, f
}

// exchangeFor makes one exchange of a login.
func (s *source) exchangeFor(ctx context.Context, at time.Time, params []tokens.Param) (tokens.Grant, *credential.Fault) {
	to := *s.endpoint
	to.Names = s.names
	req := credential.Request{At: at}
	more, f := expand(s.params, req)
	if f != nil {
		return tokens.Grant{}, f
	}
	headers, f := expand(s.extra, req)
	if f != nil {
		return tokens.Grant{}, f
	}
	return s.ask(ctx, at, &to, override(params, more), headers, exchanging)
}

// adopted makes a credential from a login, which must have returned a seed.
func (s *source) adopted(g tokens.Grant, at time.Time) (credential.Credential, error) {
	if g.Refresh.IsZero() {
		return credential.Credential{}, refusedLogin("the server gave no refresh token, so nothing could be renewed: check scope (many services want offline_access), and what the client may do there")
	}
	return s.keep(g, credential.Request{At: at}), nil
}

// Import returns the seed for a refresh token that a person brings.
func (s *source) Import(refresh credential.Secret) (map[string]credential.Secret, error) {
	if s.grant != grantRefresh {
		return nil, s.ready()
	}
	if refresh.IsZero() || !exchange.PlainText(refresh.Reveal()) {
		return nil, refusedLogin("this is not a refresh token (expected it bare, on one line)")
	}
	return map[string]credential.Secret{seedToken: refresh}, nil
}

// refusedLogin is the fault of a login that cannot continue.
func refusedLogin(message string) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonRejected, Message: message}
}
