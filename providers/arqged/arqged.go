// Package arqged renews the access token of a user of the ArqGED API
// (Arquivar): a Login with the password, and from then on RefreshToken with a
// single-use refresh token.
//
// It makes one call per attempt. A refresh token that may already be spent is
// never sent: after a lost answer, or a call that failed inside the server, the
// next attempt is a Login. A refused refresh leads to one Login; a refused Login
// parks the credential, because repeated wrong passwords lock the account. A
// refused subscription key is told from a wrong password by the gateway's text.
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

// budget is the vendor's limit for a customer, shared by all its integrations
// (ArqGED API manual, limits of use).
const budget = "4/s, 240/min, 2400/h"

// Kind returns the catalogue entry for arqged.
func Kind() providers.Kind {
	return providers.Kind{Name: "arqged", Open: open, Setups: setups, Rate: budget}
}

// identity identifies the user at the backend without revealing a user name
// that may be kept as a secret.
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

// Spends reports whether the next call may send a refresh token, which works
// only once.
func (*source) Spends(previous credential.Credential) bool {
	_, ok := readSeed(previous)
	return ok
}

// Refresh makes one call: RefreshToken if the refresh token is known to be
// unspent, else Login.
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
		return none, op.afterFault(f, req.Previous, maySpend(a, f))
	}
	s.keep(&got, granted, op, req, key)
	return got.Credential, nil
}

// maySpend reports whether the refresh token may be spent although the answer
// was unusable: a success, an answer replaced on the way, or a server that
// failed midway. A gateway that refuses a subscription key does not forward the
// refresh token.
func maySpend(a *exchange.Answer, f *credential.Fault) bool {
	return f.Lost || f.SeedSpent || a != nil && (a.OK() || a.Status >= http.StatusInternalServerError)
}

// afterFault records in f what is known of the refresh token. A Login is made
// when that token has expired or is in doubt, and this must outlast the Login's
// own failure: otherwise the next attempt would send the token again. doubtful
// says the same of a failed refresh.
func (op operation) afterFault(f *credential.Fault, previous credential.Credential, doubtful bool) *credential.Fault {
	f.SeedSpent = len(previous.Seed) > 0 && (op == loggingIn || doubtful)
	return f
}

// Rehearse returns what a good answer would contain, without a call: the
// lifetime is the requested one.
func (s *source) Rehearse(req credential.Request) credential.Credential {
	return credential.Credential{ExpiresAt: req.At.Add(time.Duration(s.minutes) * time.Minute), CountedExpiry: true}
}

// Probe reports whether the service can be reached: any answer to a call without
// a login proves name, TLS and a server behind them.
func (s *source) Probe(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base.String(), nil)
	if err != nil {
		return exchange.BrokenRequest(err)
	}
	return s.client.Answers(ctx, req)
}

// seed is what renews without the password.
type seed struct {
	token  credential.Secret
	userID credential.Secret
	endsAt time.Time // zero if the server did not state it
}

// Names in credential.Credential.Seed.
const (
	seedToken  = "refresh_token"
	seedUserID = "user_id"
	seedEndsAt = "refresh_token_expires_at"
	seedKey    = "subscription_key_number" // the index of the key that worked last, not the key itself
)

// readSeed returns the refresh token and its user, and whether both are there.
func readSeed(c credential.Credential) (seed, bool) {
	s := seed{token: c.Seed[seedToken], userID: c.Seed[seedUserID]}
	s.endsAt, _ = time.Parse(time.RFC3339, c.Seed[seedEndsAt].Reveal())
	return s, !s.token.IsZero() && !s.userID.IsZero()
}

// lastMinute keeps a refresh token from expiring on the way to the server.
const lastMinute = time.Minute

func (s seed) lives(at time.Time) bool {
	return s.endsAt.IsZero() || at.Add(lastMinute).Before(s.endsAt)
}
