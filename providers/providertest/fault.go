package providertest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
)

// checkFault checks the rules for a failed attempt. queries are the query strings
// of its requests.
func (s Suite) checkFault(t testing.TB, queries []string, cred credential.Credential, err error) {
	t.Helper()
	f, ok := errors.AsType[*credential.Fault](err)
	if !ok {
		t.Errorf("got error %T, want *credential.Fault: %v", err, err)
		return
	}
	if !slices.Contains(credential.Reasons[:], f.Reason) {
		t.Errorf("reason %q is not one of credential.Reasons", f.Reason)
	}
	if f.Message == "" || strings.ContainsAny(f.Message, "\r\n") {
		t.Errorf("got message %q, want one line in our own words", f.Message)
	}
	if !cred.IsZero() || len(cred.Seed) > 0 {
		t.Error("got a credential together with an error")
	}
	for _, text := range renderings(err) {
		s.checkNoSecret(t, "the error", text)
		if strings.Contains(text, Canary) {
			t.Errorf("the error quotes the peer: %s", strings.ReplaceAll(text, Canary, "<canary>"))
		}
		for _, query := range queries {
			if query != "" && strings.Contains(text, query) {
				t.Errorf("the error quotes the query string of the request")
			}
		}
	}
}

// checkNoSecret checks that text contains no configured secret, plain or
// URL-encoded. It does not print the secret.
func (s Suite) checkNoSecret(t testing.TB, where, text string) {
	t.Helper()
	for i, secret := range s.Secrets {
		if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
			t.Errorf("%s contains secret number %d of the suite", where, i)
		}
	}
}

// renderings returns every form in which an error and its causes may end up in
// a log.
func renderings(err error) []string {
	var all []string
	for ; err != nil; err = errors.Unwrap(err) {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
			all = append(all, fmt.Sprintf(verb, err))
		}
		if f, ok := err.(*credential.Fault); ok {
			all = append(all, fmt.Sprintf("%+v %#v", *f, *f), f.Code, f.Message)
		}
	}
	return all
}
