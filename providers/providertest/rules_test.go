package providertest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// recorder is a testing.TB that records errors instead of reporting them.
type recorder struct {
	testing.TB
	complaints []string
}

func (r *recorder) Helper()           {}
func (r *recorder) Error(args ...any) { r.complaints = append(r.complaints, fmt.Sprint(args...)) }
func (r *recorder) Errorf(format string, args ...any) {
	r.complaints = append(r.complaints, fmt.Sprintf(format, args...))
}

// provider makes a function a provider.
type provider func(context.Context, credential.Request) (credential.Credential, error)

func (p provider) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	return p(ctx, req)
}

// TestRulesAreHeld passes providers to the suite that break one rule each: a
// suite that accepts one of them proves nothing.
func TestRulesAreHeld(t *testing.T) {
	good := credential.Credential{
		Values:   map[string]credential.Secret{"token": credential.NewSecret("t")},
		IssuedAt: time.Unix(1, 0),
	}
	with := func(change func(*credential.Credential)) credential.Credential { c := good; change(&c); return c }
	fault := func(change func(*credential.Fault)) error {
		f := &credential.Fault{Reason: credential.ReasonServer, Message: "our words"}
		change(f)
		return f
	}
	for _, c := range []struct {
		name      string
		cred      credential.Credential
		err       error
		calls     int
		query     string
		complaint string
	}{
		{"success", good, nil, 1, "", ""},
		{"failure", credential.Credential{}, fault(func(*credential.Fault) {}), 1, "", ""},
		{"wrapped failure", credential.Credential{}, fmt.Errorf("more: %w", fault(func(*credential.Fault) {})), 1, "", ""},
		{"two calls", good, nil, 2, "", "2 calls"},
		{"empty field", with(func(c *credential.Credential) { c.Values = nil }), nil, 1, "", `empty field "token"`},
		{"no instant", with(func(c *credential.Credential) { c.IssuedAt = time.Time{} }), nil, 1, "", "without IssuedAt"},
		{"dead token", with(func(c *credential.Credential) { c.ExpiresAt = time.Unix(1, 0) }), nil, 1, "", "expired token"},
		{"secret in a URL", good, nil, 1, "a=hunter2", "contains secret"},
		{"escaped secret in a URL", good, nil, 1, "a=p%2B%2F", "contains secret"},
		{"no fault", credential.Credential{}, errors.New("x"), 1, "", "want *credential.Fault"},
		{"strange reason", credential.Credential{}, fault(func(f *credential.Fault) { f.Reason = "odd" }), 1, "", "not one of credential.Reasons"},
		{"no message", credential.Credential{}, fault(func(f *credential.Fault) { f.Message = "" }), 1, "", "one line"},
		{"two lines", credential.Credential{}, fault(func(f *credential.Fault) { f.Message = "a\nb" }), 1, "", "one line"},
		{"both", good, fault(func(*credential.Fault) {}), 1, "", "together with an error"},
		{"secret in the message", credential.Credential{}, fault(func(f *credential.Fault) { f.Message = "password hunter2" }), 1, "", "contains secret"},
		{"secret in the cause", credential.Credential{}, fault(func(f *credential.Fault) { f.Err = errors.New("hunter2") }), 1, "", "contains secret"},
		{"secret in the code", credential.Credential{}, fault(func(f *credential.Fault) { f.Code = "hunter2" }), 1, "", "contains secret"},
		{"peer's text", credential.Credential{}, fault(func(f *credential.Fault) { f.Message = "said " + Canary }), 1, "", "quotes the peer"},
		{"query", credential.Credential{}, fault(func(f *credential.Fault) { f.Message = "get /x?JSON=abc" }), 1, "JSON=abc", "quotes the query"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := Serve(t, http.NotFoundHandler())
				rt := n.Transport(providers.TransportOptions{})
				source := provider(func(ctx context.Context, _ credential.Request) (credential.Credential, error) {
					for range c.calls {
						req, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://a.example/?"+c.query, nil)
						resp, err := rt.RoundTrip(req)
						if err != nil {
							t.Error(err)
							continue
						}
						resp.Body.Close()
					}
					return c.cred, c.err
				})
				r := &recorder{TB: t}
				s := Suite{Calls: 1, Secrets: []string{"hunter2", "p+/"}}
				_, _ = s.attempt(r, n, providers.Binding{Source: source, Fields: []string{"token"}}, t.Context())
				all := strings.Join(r.complaints, "\n")
				if (c.complaint == "") != (all == "") || !strings.Contains(all, c.complaint) {
					t.Errorf("got complaints %q, want %q", all, c.complaint)
				}
			})
		})
	}
}

func TestExpectations(t *testing.T) {
	network := []credential.Reason{credential.ReasonNetwork}
	for _, c := range []struct {
		name      string
		suite     Suite
		err       error
		complaint string
	}{
		{"as expected", Suite{}, &credential.Fault{Reason: credential.ReasonNetwork, Lost: true}, ""},
		{"success", Suite{}, nil, "got success"},
		{"another reason", Suite{}, &credential.Fault{Reason: credential.ReasonServer, Lost: true}, `reason "server"`},
		{"no doubt", Suite{}, &credential.Fault{Reason: credential.ReasonNetwork}, "Lost = false"},
		{"doubt of before", Suite{Request: credential.Request{Lost: true}}, &credential.Fault{Reason: credential.ReasonNetwork}, ""},
	} {
		r := &recorder{TB: t}
		c.suite.expect(r, c.err, network, &yes)
		if all := strings.Join(r.complaints, "\n"); (c.complaint == "") != (all == "") || !strings.Contains(all, c.complaint) {
			t.Errorf("%s: got complaints %q, want %q", c.name, all, c.complaint)
		}
	}
}

// naive is a kind that follows redirects, accepts any body and keeps the text
// of errors: what the suite must detect.
type naive struct{ client *http.Client }

func (n naive) Bind(*section.Section) providers.Binding {
	return providers.Binding{Source: n, Fields: []string{"token"}}
}

func (n naive) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://a.example/token", nil)
	resp, err := n.client.Do(r)
	if err != nil {
		return credential.Credential{}, &credential.Fault{Reason: credential.ReasonNetwork, Message: "call", Err: err}
	}
	defer resp.Body.Close()
	body := make([]byte, 100)
	count, _ := resp.Body.Read(body)
	return credential.Credential{Values: map[string]credential.Secret{"token": credential.NewSecret(string(body[:count]))}, IssuedAt: req.At}, nil
}

// TestFailuresFindANaiveClient runs every failure against that kind; all must
// complain, except those it happens to survive.
func TestFailuresFindANaiveClient(t *testing.T) {
	survives := map[string]bool{"closed port": true}
	s := Suite{
		Calls: 1,
		Kind: providers.Kind{Open: func(_ *section.Section, env providers.Env) providers.Backend {
			return naive{&http.Client{Transport: env.Transport(providers.TransportOptions{})}}
		}},
	}
	for _, d := range failures([]byte(`{"token":"abc"}`)) {
		t.Run(d.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := &recorder{TB: t}
				n := Serve(t, d.backend)
				b := s.Open(t, n.Env())
				if d.refuse {
					n.Refuse()
				}
				_, err := s.attempt(r, n, b, t.Context())
				s.expect(r, err, d.want, d.lost)
				if (len(r.complaints) == 0) != survives[d.name] {
					t.Errorf("got complaints %q", r.complaints)
				}
			})
		})
	}
}
