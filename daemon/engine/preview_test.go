package engine

import (
	"context"
	"maps"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

// personal is a provider whose credential starts with a login.
type personal struct {
	*backend
	credential.Authorizer
}

func (personal) AwaitsLogin(previous credential.Credential) bool { return previous.Values == nil }

// TestRenewalsThatCannotHappenAreNotForetold: what is missing, waits for a person, or
// waits for one of these is not renewed by a change. The preview and the change agree.
func TestRenewalsThatCannotHappenAreNotForetold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &backend{answer: func(context.Context, int, credential.Request) (credential.Credential, error) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonRejected, ClientRefused: true, Message: "refused"}
		}}
		was := planOf(map[string]*backend{"refused": refused}, nil)
		was.Credentials[0].Client = "one"
		r := launch(t, was, nil)
		defer r.stop()
		pass(time.Second)

		add := []plan.Credential{
			{Name: "absent", Missing: []plan.Missing{{Key: "password", Message: "is not there"}}},
			{Name: "after-absent", Needs: []string{"absent"}},
			{Name: "after-both", Needs: []string{"fine", "after-absent"}},
			{Name: "after-fine", Needs: []string{"fine"}},
			{Name: "fine"},
			{Name: "login", Source: personal{backend: living(time.Hour)}},
			{Name: "same-client", Source: refused, Common: &plan.Common{Client: "one"}},
		}
		is := &plan.Plan{Providers: was.Providers, Credentials: was.Credentials}
		for _, c := range add {
			c.Provider, c.Identity, c.Inputs = "p", c.Name, "1"
			if c.Common == nil {
				c.Common = &plan.Common{}
			}
			c.Type, c.Policy = "fake", testPolicy
			if c.Source == nil {
				c.Source = living(time.Hour)
			}
			is.Credentials = append(is.Credentials, c)
		}
		change := plan.Between(was, is)
		p, err := r.Preview(t.Context(), change)
		if err != nil {
			t.Fatal(err)
		}
		foretold := map[string]Cause{}
		for _, c := range p.Credentials {
			if c.Renewal != CauseNone {
				foretold[c.Is.Name] = c.Renewal
			}
			if c.Is.Name == "login" && (!c.NextIs.IsZero() || c.Why != whyLogin) {
				t.Errorf("login: got %v, %q, want no attempt", c.NextIs, c.Why)
			}
		}
		if want := map[string]Cause{"fine": CauseNew, "after-fine": CauseNew}; !maps.Equal(foretold, want) {
			t.Errorf("foretold %v, want %v", foretold, want)
		}
		told, err := r.Apply(t.Context(), change)
		if err != nil || !maps.Equal(told, foretold) {
			t.Errorf("got %v, %v from the change, and %v from its preview", told, err, foretold)
		}
	})
}
