// Package tss renews the token that identifies a TOTVS TSS Offline to its TSS
// Online. A renewal is one GET of the REST service RestNewToken with the
// client's identity; the answer contains a token without an expiry.
//
// A renewal revokes the old token immediately, so this GET is not safe to
// repeat. One attempt renews at most once, on a fresh connection and without
// following redirects. If the answer is lost, the next attempt first asks
// RestGetToken, where configured, before it renews again.
package tss

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// FieldToken is the only field of a credential of this kind.
const FieldToken = "token"

// maxLostReads is how many attempts in a row may fail at RestGetToken before
// the next one renews instead: a read service that is down must not keep a
// client without a token forever.
const maxLostReads = 3

// source obtains the token of one client.
type source struct {
	backend  *backend
	payload  string // the JSON parameter, in base64
	badReads atomic.Int32
}

// Revokes returns true: a renewal revokes the old token.
func (*source) Revokes() bool { return true }

// Refresh renews the token. If the answer to the last renewal was lost, it
// first reads the current token, and renews only if there is none.
func (s *source) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	if req.Lost && s.backend.readURL != nil {
		return s.recover(ctx, req)
	}
	return s.renew(ctx, req)
}

func (s *source) renew(ctx context.Context, req credential.Request) (credential.Credential, error) {
	token, err := s.call(ctx, s.backend.url)
	if err != nil {
		return credential.Credential{}, err
	}
	s.badReads.Store(0)
	return issued(token, req), nil
}

// call asks one of the services for a token.
func (s *source) call(ctx context.Context, service *url.URL) (token credential.Secret, err error) {
	_, err = s.backend.client.Ask(ctx, s.request(service), func(a *exchange.Answer) (f *credential.Fault) {
		token, f = classify(a, s.backend.pattern)
		return f
	})
	return token, err
}

// recover reads the token that a lost answer may have contained, and renews if
// there is none.
func (s *source) recover(ctx context.Context, req credential.Request) (credential.Credential, error) {
	token, err := s.call(ctx, s.backend.readURL)
	switch {
	case err != nil:
		fault := credential.AsFault(err)
		return credential.Credential{}, s.readFailed(fault, s.final(fault))
	case token.Equal(req.Previous.Values[FieldToken]):
		// The renewal whose answer was lost never happened.
		s.badReads.Store(0)
		if !req.Again(ctx) {
			return credential.Credential{}, &credential.Fault{
				Reason: credential.ReasonTimeout, Message: "the lost renewal never happened; the next one waits for its turn under rate",
			}
		}
		return s.renew(ctx, req)
	}
	s.badReads.Store(0)
	return issued(token, req), nil
}

// final reports whether the read service can never answer this client, so only
// a renewal is left. That includes a login that is required but not configured.
// It excludes a refused password, since the renewal would send the same one.
func (s *source) final(f *credential.Fault) bool {
	if f.Reason == credential.ReasonRejected && s.backend.username.IsZero() {
		f.Reason = credential.ReasonInvalidRequest // rejected would park a credential that a renewal can fix
	}
	return f.Reason == credential.ReasonInvalidRequest
}

// readFailed words a failure of RestGetToken. Lost stays set, so the next
// attempt reads again, unless the failure is final or too many reads failed.
func (s *source) readFailed(f *credential.Fault, final bool) *credential.Fault {
	next := "the next attempt reads again"
	tired := f.Reason != credential.ReasonCancelled && s.badReads.Add(1) >= maxLostReads
	f.Lost = !final && !tired
	if !f.Lost {
		s.badReads.Store(0)
		next = "the next attempt renews"
	}
	f.Message = "RestGetToken, asked for a renewal whose answer was lost: " + f.Message + "; " + next
	return f
}

func issued(token credential.Secret, req credential.Request) credential.Credential {
	return credential.Credential{
		Values:   map[string]credential.Secret{FieldToken: token},
		IssuedAt: req.At,
	}
}

// request builds the GET of one service.
func (s *source) request(service *url.URL) *http.Request {
	u := *service
	u.RawQuery = url.Values{"JSON": {s.payload}}.Encode()
	return s.backend.get(&u)
}

// Probe reaches the host without touching a token: it requests the directory
// above the service, without a login. Any HTTP answer shows that the name, the
// port and the certificate work; what is at that path does not matter.
func (s *source) Probe(ctx context.Context) error {
	u := *s.backend.url.JoinPath("..")
	return s.backend.client.Answers(ctx, &http.Request{Method: http.MethodGet, URL: &u, Host: u.Host, Header: http.Header{}})
}

// Rehearse implements credential.Rehearser: TSS states no expiry.
func (*source) Rehearse(credential.Request) credential.Credential {
	return credential.Credential{}
}
