package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

func TestFailureSaysWhereTheKeysStandThatItNames(t *testing.T) {
	places := []plan.Place{
		{Table: "providers.v", Key: "client_id", Where: "c.toml:7"},
		{Table: "providers.v", Key: "client_secret", Where: "/etc/v/secret"},
		{Table: "providers.v", Key: "certificate.file", Where: "/etc/v/own.p12"},
		{Table: "credentials.a", Key: "author.certificate.file", Where: "/etc/v/author.p12"},
	}
	for _, c := range []struct {
		keys []string
		want string
	}{
		{nil, "refused"},
		{[]string{"scope"}, "refused"},
		{[]string{"client_secret", "client_id"}, "refused; providers.v.client_secret is in /etc/v/secret; providers.v.client_id is in c.toml:7"},
		{[]string{"certificate"}, "refused; providers.v.certificate.file is in /etc/v/own.p12"},
		{[]string{"author.certificate"}, "refused; credentials.a.author.certificate.file is in /etc/v/author.p12"},
		{[]string{"client"}, "refused"},
	} {
		f := &credential.Fault{Reason: credential.ReasonRejected, Message: "refused", Keys: c.keys, Err: errors.ErrUnsupported}
		got := located(f, places)
		if got.Message != c.want || f.Message != "refused" {
			t.Errorf("keys %q: %q (the fault itself: %q)", c.keys, got.Message, f.Message)
		}
		if got.Reason != f.Reason || !errors.Is(got, errors.ErrUnsupported) {
			t.Errorf("keys %q: the rest of the fault is lost", c.keys)
		}
	}
}

func TestParkedCredentialShowsThePlaceOfItsSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := living(time.Hour)
		b.answer = func(context.Context, int, credential.Request) (credential.Credential, error) {
			return credential.Credential{}, &credential.Fault{Reason: credential.ReasonRejected, Message: "wrong", Keys: []string{"password"}}
		}
		specs := planOf(map[string]*backend{"a": b}, nil)
		specs.Credentials[0].Places = []plan.Place{{Table: "providers.p", Key: "password", Where: "/etc/secret"}}
		r := launch(t, specs, newKeeper())
		defer r.stop()
		pass(time.Second)
		v := r.mustView(t).Credentials[0]
		if v.LastError == nil || v.LastError.Message != "wrong; providers.p.password is in /etc/secret" {
			t.Errorf("status shows %+v", v.LastError)
		}
		if o := r.witness.of(Obtain, "a"); len(o) != 1 || o[0].Fault.Message != v.LastError.Message {
			t.Error("the log is told something else")
		}
	})
}
