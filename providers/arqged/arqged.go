// Package arqged keeps the access token of a user of the ArqGED API (Arquivar)
// valid: a Login with the password, and from then on RefreshToken with a
// refresh token that works once.
//
// It makes one call an attempt. A refresh token is never shown when it may be
// spent: after an answer that was lost, or a call that broke down at the
// server, the next attempt is a Login. A refresh that was refused leads to one
// Login; a Login that was refused parks the credential, since an account that
// is tried again with a wrong password is locked in the end. The gateway's
// complaint about a subscription key is told from a wrong password by its text.
package arqged

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// Fields of a credential.
const (
	fieldToken         = "token"
	fieldAuthorization = "authorization"
	fieldUserID        = "user_id"
	fieldLogin         = "login"
)

// budget is the vendor's limit for a customer, all of its integrations
// together (ArqGED API manual, limits of use).
const budget = "4/s, 240/min, 2400/h"

// Kind is the catalogue's line for arqged.
func Kind() providers.Kind {
	return providers.Kind{Name: "arqged", Open: open, Setups: setups, Rate: budget}
}

// identity names the user at the backend without showing a name that may be
// kept as a secret.
func identity(base, username string) string {
	return exchange.Identity("arqged:", base, strings.ToLower(strings.TrimSpace(username)))
}

// source obtains the token of one user.
type source struct {
	*backend
	minutes  int
	single   bool
	asString bool // single_use_as string
}

// Spends reports whether a refresh token may be shown, which then no longer
// works.
func (*source) Spends(previous credential.Credential) bool {
	_, ok := readSeed(previous)
	return ok
}

// Refresh makes one call: RefreshToken with a refresh token that is known to be
// good, else Login.
func (s *source) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	s.keys.prefer(req.Previous)
	seed, ok := readSeed(req.Previous)
	if ok && !req.Lost && seed.lives(req.At) {
		return s.call(ctx, req, refreshing, s.refreshRequest(seed))
	}
	return s.call(ctx, req, loggingIn, s.loginRequest())
}

// call makes the call and reads its answer.
func (s *source) call(ctx context.Context, req credential.Request, op operation, body map[string]any) (credential.Credential, error) {
	none := credential.Credential{}
	out, f := s.request(ctx, op, body)
	if f != nil {
		return none, f
	}
	key, secret := s.keys.present()
	if !secret.IsZero() {
		out.Header.Set("SubscriptionKey", secret.Reveal())
	}
	var granted object
	var got grant
	a, err := s.client.Ask(ctx, out, func(a *exchange.Answer) (f *credential.Fault) {
		if keyRefused(a) {
			return s.keys.refused(key)
		}
		if granted, f = classify(a, op); f == nil {
			s.keys.accepted(key)
			got, f = s.read(granted, a, req)
		}
		return f
	})
	if err != nil {
		f := credential.AsFault(err)
		return none, op.settle(f, req.Previous, spoilt(a, f))
	}
	s.keep(&got, granted, op, req, key)
	return got.Credential, nil
}

// spoilt reports whether the refresh token that was shown may be used up though
// nothing usable came back: an answer of success, an answer that something on
// the way has replaced, or a server that broke down in the middle. A gateway
// that refuses a subscription key shows the refresh token to nobody.
func spoilt(a *exchange.Answer, f *credential.Fault) bool {
	return f.Lost || f.SeedSpent || a != nil && (a.OK() || a.Status >= http.StatusInternalServerError)
}

// settle decides what becomes of the refresh token after a failure. A Login is
// made when it is over or in doubt, and then it stays so: without this the
// doubt would end with the first failure of the Login. doubtful says it of a
// refresh.
func (op operation) settle(f *credential.Fault, previous credential.Credential, doubtful bool) *credential.Fault {
	f.SeedSpent = len(previous.Seed) > 0 && (op == loggingIn || doubtful)
	return f
}

// Rehearse tells what a good answer would be, without asking: the life is the one
// that is asked for.
func (s *source) Rehearse(req credential.Request) credential.Credential {
	return credential.Credential{ExpiresAt: req.At.Add(time.Duration(s.minutes) * time.Minute), CountedExpiry: true}
}

// Probe tells whether the service can be reached: any answer to a call without
// a login shows name, TLS and a server behind them.
func (s *source) Probe(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.String(), nil)
	if err != nil {
		return exchange.BrokenRequest(err)
	}
	_, err = s.client.Do(ctx, req)
	return err
}

// seed is what renews without the password.
type seed struct {
	token  credential.Secret
	userID credential.Secret
	endsAt time.Time // zero when the server did not say
}

// Names in credential.Credential.Seed.
const (
	seedToken  = "refresh_token"
	seedUserID = "user_id"
	seedEndsAt = "refresh_token_expires_at"
	seedKey    = "subscription_key_number" // which key worked last, not the key
)

// readSeed reports whether there is a refresh token with its user.
func readSeed(c credential.Credential) (seed, bool) {
	s := seed{token: c.Seed[seedToken], userID: c.Seed[seedUserID]}
	s.endsAt, _ = time.Parse(time.RFC3339, c.Seed[seedEndsAt].Reveal())
	return s, !s.token.IsZero() && !s.userID.IsZero()
}

// lastMinute keeps a refresh token from ending on the way to the server.
const lastMinute = time.Minute

func (s seed) lives(at time.Time) bool {
	return s.endsAt.IsZero() || at.Add(lastMinute).Before(s.endsAt)
}
