package oauth2

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

const offer = "http://127.0.0.1:40123/"

// person opens the page and returns the address that the browser is redirected to.
func person(t testing.TB, address string) credential.Secret {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // of an emulator
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	resp, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	location := resp.Header.Get("Location")
	if location == "" {
		t.Fatalf("the page answers %s, want a redirect", resp.Status)
	}
	return credential.NewSecret(location)
}

func loginStage(t testing.TB) (*stage, providers.Binding, credential.Authorizer) {
	t.Helper()
	s := strict(t)
	s.Configure(func(set *emulator.Settings) { set.AutoApprove = true })
	b := s.open(t, withSecret+"authorize_url = \"{url}/authorize\"\n", "grant = \"refresh_token\"\nscope = \"openid a\"\n")
	return s, b, b.Source.(credential.Authorizer)
}

func TestLoginByCode(t *testing.T) {
	s, b, a := loginStage(t)
	at := time.Now()
	in, err := a.Invite(t.Context(), at, offer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := a.Redeem(t.Context(), at, in, person(t, in.Address))
	if err != nil {
		t.Fatal(err)
	}
	if !s.Active(c.Values["access_token"].Reveal()) || c.Values["id_token"].IsZero() {
		t.Error("the token of the login is not in force")
	}
	obtain(t, b, credential.Request{Previous: c})
	if n := s.Counts(); n.Codes != 1 || n.Refreshes != 1 || n.SecretsInURI != 0 {
		t.Errorf("the server saw %+v", n)
	}
	if strings.Contains(in.Address, testSecret) || strings.Contains(in.Address, in.Verifier) {
		t.Error("the address shows a secret")
	}
}

func TestLoginIsTiedToItsInvitation(t *testing.T) {
	_, _, a := loginStage(t)
	at := time.Now()
	invite := func() credential.Invitation {
		in, err := a.Invite(t.Context(), at, offer)
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	in := invite()
	good := person(t, in.Address).Reveal()
	for what, address := range map[string]string{
		"another state":  strings.Replace(good, in.State, "x", 1),
		"another server": good[:strings.Index(good, "iss=")] + "iss=https%3A%2F%2Fother.example&state=" + in.State,
		"denied":         offer + "?error=access_denied&state=" + in.State,
		"unknown error":  offer + "?error=CANARY&state=" + in.State,
		"no code":        offer + "?state=" + in.State,
		"no address":     "CANARY",
	} {
		_, err := a.Redeem(t.Context(), at, in, credential.NewSecret(address))
		f, ok := errors.AsType[*credential.Fault](err)
		if !ok || f.Reason != credential.ReasonRejected || strings.Contains(f.Message, "CANARY") {
			t.Errorf("%s: %v", what, err)
		}
	}
	other := invite()
	other.Verifier, other.State = "another", in.State
	if _, err := a.Redeem(t.Context(), at, other, credential.NewSecret(good)); err == nil {
		t.Error("a code was exchanged with another verifier")
	}
}

func TestLoginChecksTheNonce(t *testing.T) {
	s, _, a := loginStage(t)
	in, err := a.Invite(t.Context(), time.Now(), offer)
	if err != nil {
		t.Fatal(err)
	}
	address := person(t, in.Address)
	if err := s.SetFault("wrong-nonce", 1); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Redeem(t.Context(), time.Now(), in, address); err == nil || !strings.Contains(err.Error(), "nonce") {
		t.Errorf("got %v, want a word of the nonce", err)
	}
}

func TestLoginByDevice(t *testing.T) {
	s := strict(t)
	s.Configure(func(set *emulator.Settings) { set.Interval = time.Second })
	b := s.open(t, withSecret+"device_url = \"{url}/device\"\n", refreshGrant)
	a := b.Source.(credential.Authorizer)
	at := time.Now()
	in, err := a.Invite(t.Context(), at, offer)
	if err != nil {
		t.Fatal(err)
	}
	if in.UserCode == "" || !strings.HasSuffix(in.Address, "/activate") || in.Interval != time.Second {
		t.Fatalf("invited to %q with %q every %s", in.Address, in.UserCode, in.Interval)
	}
	if _, pending, _, err := a.Poll(t.Context(), at, in); !pending || err != nil {
		t.Fatalf("pending %v, %v before anybody typed the code", pending, err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // of an emulator
	resp, err := client.PostForm(in.Address, url.Values{"user_code": {in.UserCode}, "decision": {"allow"}})
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	c, pending, _, err := a.Poll(t.Context(), at, in)
	if pending || err != nil {
		t.Fatalf("pending %v, %v after the code was typed", pending, err)
	}
	obtain(t, b, credential.Request{Previous: c})
}

func TestLoginNeedsAWay(t *testing.T) {
	s := strict(t)
	for cred, says := range map[string]string{refreshGrant: "--refresh-token -", "": "needs no login"} {
		a := s.open(t, withSecret, cred).Source.(credential.Authorizer)
		if _, err := a.Invite(t.Context(), time.Now(), offer); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", cred, err, says)
		}
	}
}

func TestTheRegisteredRedirectGoesFirst(t *testing.T) {
	s := strict(t)
	b := s.open(t, withSecret+"authorize_url = \"{url}/authorize?prompt=login\"\nredirect_url = \"https://erp.example/back\"\n", refreshGrant)
	in, err := b.Source.(credential.Authorizer).Invite(t.Context(), time.Now(), offer)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(in.Address)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); in.Redirect != "https://erp.example/back" || q.Get("redirect_uri") != in.Redirect || q.Get("prompt") != "login" || q.Get("code_challenge_method") != "S256" {
		t.Errorf("invited to %s, back to %s", in.Address, in.Redirect)
	}
}
