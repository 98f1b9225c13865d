// Package http obtains a credential with one HTTP request that the configuration
// describes: its URL, its content, and where the values are in the answer. A
// login in two steps is two credentials.
//
// It makes one call per attempt. An answer is classified by its status, unless a
// row of the configuration says otherwise. If a value is missing, the fault names
// its field and source, never its text.
package http

import (
	"context"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// Kind returns the catalogue entry for http.
func Kind() providers.Kind { return providers.Kind{Name: "http", Open: open} }

// maxBody bounds an answer, which may contain much besides the token.
const maxBody = 256 << 10

// source is one described request.
type source struct {
	*backend
	name    string // the credential's
	call    call
	answers answers
	revokes bool
	spends  bool
}

// Revokes reports whether a renewal revokes the old values.
func (s *source) Revokes() bool { return s.revokes }

// Spends reports whether a call uses something up.
func (s *source) Spends(credential.Credential) bool { return s.spends }

// OneWay reports that what a call uses up is the only way in, and is not accepted
// again.
func (s *source) OneWay() (only bool, grace time.Duration) { return s.spends, 0 }

// Refresh makes the request once.
func (s *source) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	out, f := s.call.request(ctx, s.base, req.Inputs)
	if f != nil {
		return credential.Credential{}, f
	}
	var got credential.Credential
	_, err := s.client.Ask(ctx, out, func(a *exchange.Answer) (f *credential.Fault) {
		got, f = s.answers.read(a, req.At)
		return f
	})
	if err != nil {
		return credential.Credential{}, s.doubtful(err)
	}
	return got, nil
}

// doubtful says what happens to a single-use input whose answer was lost.
func (s *source) doubtful(err error) error {
	if f := credential.AsFault(err); s.spends && f.Lost {
		f.Message += "; what it carries may be used up: it is not sent again before the values in force are about to end (vigente renew " + s.name + " --force sends it now)"
		return f
	}
	return err
}

// Probe reports whether the service can be reached, without the request.
func (s *source) Probe(ctx context.Context) error {
	u := *s.base
	u.RawQuery = ""
	return s.client.Reach(ctx, u.String())
}

// rehearsedLife is assumed if expires says that the answer states an expiry.
const rehearsedLife = time.Hour

// Rehearse implements credential.Rehearser. Without expires, max_age decides.
func (s *source) Rehearse(req credential.Request) credential.Credential {
	if s.answers.end == nil {
		return credential.Credential{}
	}
	return credential.Credential{ExpiresAt: req.At.Add(rehearsedLife), CountedExpiry: true}
}
