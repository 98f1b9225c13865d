// Package oauth2 renews the tokens of any OAuth 2.0 server: every grant, every
// client authentication, and single-use refresh tokens.
//
// It makes one call per attempt, and a second one only to log in with a password
// after a refused refresh. A refresh token that may be spent is not retried right
// away: the engine holds it back until the access token is about to expire. The
// lifetime of a token is what its answer states, the token itself is opaque, and
// no text of a server is repeated. What services have in common is data: see the
// folder presets.
package oauth2

import (
	"context"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/tokens"
)

// Kind returns the catalogue entry for oauth2.
func Kind() providers.Kind { return providers.Kind{Name: "oauth2", Open: open, Setups: setups} }

func open(s *section.Section, env providers.Env) providers.Backend { return openProvider(s, env) }

// source obtains the tokens of one credential.
type source struct {
	*provider
	name   string // of the credential
	client *exchange.Client
	grant  string
	fixed  []template // parameters of the grant, in the order of sending
	params []template
	extra  []template // headers
	scope  string     // as requested
	// audience is also asked for at the login.
	audience string
	signs    bool // the grant is an assertion of our own
	names    map[string]string
}

// Revokes reports whether a renewal revokes the old values.
func (s *source) Revokes() bool { return s.revokes }

// Spends reports whether the next call may send a refresh token, which works only
// once.
func (s *source) Spends(previous credential.Credential) bool {
	return s.rotation != rotationNone && s.keepsSeed() && !seedOf(previous).IsZero()
}

// OneWay reports whether only a person can start over once the refresh token is
// spent, and how long after a call the server accepts it again.
func (s *source) OneWay() (only bool, grace time.Duration) {
	return s.grant == grantRefresh && s.rotation != rotationNone, s.grace
}

// keepsSeed reports whether the grant uses a refresh token.
func (s *source) keepsSeed() bool { return s.grant == grantRefresh || s.grant == grantPassword }

// Refresh makes the call of one attempt.
func (s *source) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	seed := seedOf(req.Previous)
	switch {
	case s.AwaitsLogin(req.Previous):
		return credential.Credential{}, s.awaitsLogin()
	case s.grant == grantRefresh:
		return s.refresh(ctx, req, seed)
	case s.grant == grantPassword && !seed.IsZero() && (!req.Lost || s.rotation == rotationNone):
		got, err := s.refresh(ctx, req, seed)
		if err == nil || !refreshRefused(credential.AsFault(err)) {
			return got, err
		}
		if !req.Again(ctx) {
			f := credential.AsFault(err)
			f.Reason, f.SeedSpent = credential.ReasonTimeout, true // the next attempt logs in
			f.Message += "; the login waits for its turn under rate"
			return got, f
		}
	}
	return s.begin(ctx, req)
}

// refreshRefused reports whether a refusal concerns only the refresh token, so a
// login may still succeed.
func refreshRefused(f *credential.Fault) bool {
	return !f.Lost && (f.SeedSpent || f.Reason == credential.ReasonInvalidRequest)
}

// refresh sends the refresh token.
func (s *source) refresh(ctx context.Context, req credential.Request, seed credential.Secret) (credential.Credential, error) {
	params := []tokens.Param{
		tokens.Text(tokens.GrantType, grantRefresh),
		{Name: tokens.RefreshToken, Value: seed},
	}
	got, f := s.call(ctx, req, s.refreshing, params, refreshing)
	if f == nil {
		return got, nil
	}
	if f.Lost && s.rotation != rotationNone {
		f.SeedSpent = s.grant == grantPassword // the password is the way in
		if s.grant == grantRefresh {
			f.Message += heldBack(s)
		}
	}
	return credential.Credential{}, f
}

// heldBack says what happens to a refresh token whose answer was lost.
func heldBack(s *source) string {
	if s.rotation == rotationGrace {
		return "; the refresh token may be used up: it is shown again within " + s.grace.String() + " of the call, and then not before the access token is about to end"
	}
	return "; the refresh token may be used up: it is not shown again before the access token is about to end (vigente renew " + s.name + " --force shows it now)"
}

// begin requests a token without a refresh token.
func (s *source) begin(ctx context.Context, req credential.Request) (credential.Credential, error) {
	params, f := expand(s.fixed, req)
	if f != nil {
		return credential.Credential{}, f
	}
	if s.signs {
		assertion, err := s.signGrant(req.At)
		if err != nil {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonInternal, Message: "sign the assertion: the key cannot be used", Err: err}
		}
		params = append(params, tokens.Param{Name: tokens.Assertion, Value: assertion})
	}
	got, f := s.call(ctx, req, s.endpoint, params, s.beginning())
	if f != nil {
		// Otherwise this failure would clear the doubt about an old refresh token.
		f.SeedSpent = f.SeedSpent || s.grant == grantPassword && !seedOf(req.Previous).IsZero()
		return credential.Credential{}, f
	}
	return got, nil
}

// signGrant signs the assertion that is the grant.
func (s *source) signGrant(at time.Time) (credential.Secret, error) {
	if s.signer == nil {
		return credential.Secret{}, errNoKey
	}
	return s.signer.grant(s.clientID.Reveal(), at)
}

func (s *source) beginning() operation {
	if s.grant == grantPassword {
		return loggingIn
	}
	return asking
}

// call makes one exchange and reads its answer.
func (s *source) call(ctx context.Context, req credential.Request, to *tokens.Endpoint, params []tokens.Param, op operation) (credential.Credential, *credential.Fault) {
	none := credential.Credential{}
	more, f := expand(s.params, req)
	if f != nil {
		return none, f
	}
	headers, f := expand(s.extra, req)
	if f != nil {
		return none, f
	}
	endpoint := *to
	endpoint.Names = s.names
	g, f := s.ask(ctx, req.At, &endpoint, override(params, more), headers, op)
	if f != nil {
		return none, f
	}
	return s.keep(g, req), nil
}

// ask sends one request and reads its answer.
func (s *source) ask(ctx context.Context, at time.Time, to *tokens.Endpoint, params, headers []tokens.Param, op operation) (tokens.Grant, *credential.Fault) {
	out, f := to.Request(ctx, at, params, headers)
	if f != nil {
		return tokens.Grant{}, f
	}
	var g tokens.Grant
	_, err := s.client.Ask(ctx, out, func(a *exchange.Answer) (f *credential.Fault) {
		if f = s.classify(a, to, op); f == nil {
			g, f = to.Read(a, at)
		}
		return f
	})
	if err != nil {
		return tokens.Grant{}, credential.AsFault(err)
	}
	return g, nil
}

// override replaces parameters of the grant with those of the configuration.
func override(params, more []tokens.Param) []tokens.Param {
	replaced := map[string]bool{}
	for _, p := range more {
		replaced[p.Name] = true
	}
	var all []tokens.Param
	for _, p := range params {
		if !replaced[p.Name] {
			all = append(all, p)
		}
	}
	return append(all, more...)
}

// Probe reports whether the server can be reached, without a client.
func (s *source) Probe(ctx context.Context) error {
	return s.client.Reach(ctx, s.endpoint.URL.String())
}

// Rehearse implements credential.Rehearser.
func (s *source) Rehearse(req credential.Request) credential.Credential {
	c := s.keep(tokens.Grant{Token: "rehearsed", Type: "Bearer", End: exchange.End{At: req.At.Add(s.life), Counted: true}, Refresh: s.rehearsedSeed()}, req)
	c.Values = nil
	return c
}

func (s *source) rehearsedSeed() credential.Secret {
	if s.keepsSeed() {
		return credential.NewSecret("rehearsed")
	}
	return credential.Secret{}
}

// AwaitsLogin reports whether there is no refresh token and no other way in.
func (s *source) AwaitsLogin(previous credential.Credential) bool {
	return s.grant == grantRefresh && seedOf(previous).IsZero()
}

// awaitsLogin parks a credential for which nobody has logged in yet.
func (s *source) awaitsLogin() *credential.Fault {
	return &credential.Fault{
		Reason: credential.ReasonRejected, Uncalled: true,
		Message: "it waits for a person to log in: run vigente login " + s.name,
	}
}

// defaultLife is the lifetime of a rehearsed token.
const defaultLife = time.Hour
