// Package http obtains a credential by one HTTP request that the configuration
// describes: where it goes, what it carries, where in the answer the values
// stand. A login in two steps is two credentials.
//
// It makes one call an attempt. What an answer means follows its status, unless
// a row of the configuration says otherwise; what cannot be read where it was
// to be found is named with its field and its source, never with its text.
package http

import (
	"context"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// Kind is the catalogue's line for http.
func Kind() providers.Kind { return providers.Kind{Name: "http", Open: open} }

// maxBody bounds an answer: tokens stand beside much else in some.
const maxBody = 256 << 10

// source is one described request.
type source struct {
	*backend
	name    string // of the credential
	call    call
	answers answers
	revokes bool
	spends  bool
}

// Revokes reports whether a renewal kills the old values.
func (s *source) Revokes() bool { return s.revokes }

// Spends reports whether a call uses something up.
func (s *source) Spends(credential.Credential) bool { return s.spends }

// OneWay reports that what a call uses up is the only way in, and is not taken
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

// doubtful says what becomes of what works once after an answer that was lost.
func (s *source) doubtful(err error) error {
	if f := credential.AsFault(err); s.spends && f.Lost {
		f.Message += "; what it carries may be used up: it is not sent again before the values in force are about to end (vigente renew " + s.name + " --force sends it now)"
		return f
	}
	return err
}

// Probe tells whether the service can be reached, without the request.
func (s *source) Probe(ctx context.Context) error {
	u := *s.base
	u.RawQuery = ""
	return s.client.Reach(ctx, u.String())
}

// rehearsedLife is assumed where expires says that the answer states one.
const rehearsedLife = time.Hour

// Rehearse implements credential.Rehearser. Without expires max_age decides.
func (s *source) Rehearse(req credential.Request) credential.Credential {
	if s.answers.end == nil {
		return credential.Credential{}
	}
	return credential.Credential{ExpiresAt: req.At.Add(rehearsedLife), CountedExpiry: true}
}
