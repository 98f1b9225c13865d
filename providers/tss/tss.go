// Package tss renews the token by which a TOTVS TSS Offline is known to its
// TSS Online: one GET of the REST service RestNewToken with the client's
// identity, answered with a token that has no expiry.
//
// A renewal makes the old token worthless at once, and a GET is not harmless
// here. So an attempt renews once at most, over a connection that is
// not reused, without redirects; and an answer that was lost is asked for at
// RestGetToken, where that is configured, before another renewal.
package tss

import (
	"context"
	"net/http"
	"net/url"
	"sync/atomic"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// FieldToken is the one field of a credential of this kind.
const FieldToken = "token"

// maxLostReads is how many attempts in a row ask RestGetToken in vain before
// the next one renews instead: a read service that is down must not keep a
// client without a token for ever.
const maxLostReads = 3

// source obtains the token of one client.
type source struct {
	backend  *backend
	payload  string // the JSON parameter, in base64
	badReads atomic.Int32
}

// Revokes reports true: the old token dies with the renewal.
func (*source) Revokes() bool { return true }

// Refresh renews, after a renewal whose answer was lost only when reading shows
// that it never happened.
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

// call asks one of the services for its token.
func (s *source) call(ctx context.Context, service *url.URL) (token credential.Secret, err error) {
	_, err = s.backend.client.Ask(ctx, s.request(service), func(a *exchange.Answer) (f *credential.Fault) {
		token, f = classify(a, s.backend.pattern)
		return f
	})
	return token, err
}

// recover asks for the token that a lost answer may have brought, and renews
// where there was none.
func (s *source) recover(ctx context.Context, req credential.Request) (credential.Credential, error) {
	token, err := s.call(ctx, s.backend.readURL)
	switch {
	case err != nil:
		fault := credential.AsFault(err)
		return credential.Credential{}, s.unread(fault, s.final(fault))
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

// final reports a fault by which the read service says for good that it has
// nothing for us, so that only a renewal is left. A login that it wants and we
// do not have is one; a password that it refused is not, since the renewal
// would send the same one.
func (s *source) final(f *credential.Fault) bool {
	if f.Reason == credential.ReasonRejected && s.backend.username.IsZero() {
		f.Reason = credential.ReasonInvalidRequest // rejected would park what a renewal may cure
	}
	return f.Reason == credential.ReasonInvalidRequest
}

// unread words the failure of RestGetToken. Lost stays set, so that the next
// attempt reads again, unless the service has nothing for us or was asked in
// vain too often.
func (s *source) unread(f *credential.Fault, final bool) *credential.Fault {
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

// Probe reaches the host without touching a token: it asks for the folder above
// the service, without a login. Any answer in HTTP says that the name, the
// port and the certificate are good; what lies at that path does not matter.
func (s *source) Probe(ctx context.Context) error {
	u := *s.backend.url.JoinPath("..")
	_, err := s.backend.client.Do(ctx, &http.Request{Method: http.MethodGet, URL: &u, Host: u.Host, Header: http.Header{}})
	return err
}

// Rehearse implements credential.Rehearser: TSS states no expiry.
func (*source) Rehearse(credential.Request) credential.Credential {
	return credential.Credential{}
}
