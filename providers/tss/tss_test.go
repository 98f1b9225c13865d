package tss

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/providertest"
	"github.com/vigented/vigente/providers/tss/emulator"
)

var acme = emulator.Identity{CNPJ: "53113791000122", IE: "111010945111", UF: "SP"}

const credentialText = `
cnpj       = "53.113.791/0001-22"
tipopessoa = 2
ie         = "111010945111"
uf         = "sp"
`

// suite is the kind with a login, so that there is a secret that could leak.
func suite() providertest.Suite {
	return providertest.Suite{
		Kind: Kind(),
		Provider: `
url      = "https://tss.example:8080/rest/RestNewToken"
username = "CANARY-user"
password = { file = "{dir}/password" }
`,
		Credential: credentialText,
		Files:      map[string]string{"password": "CANARY-p4ss+word/=\n"},
		Secrets:    []string{"CANARY-user", "CANARY-p4ss+word/="},
		Backend: func() http.Handler {
			return emulator.New(emulator.Options{Username: "CANARY-user", Password: "CANARY-p4ss+word/="})
		},
		Answers: "testdata/answers",
		OneShot: true,
	}
}

func TestContract(t *testing.T) { providertest.Run(t, suite()) }

// TestContractReading checks the contract for the read after a lost answer.
func TestContractReading(t *testing.T) {
	s := suite()
	s.Provider += `read_url = "https://tss.example:8080/rest/RestGetToken"`
	s.Request = credential.Request{Lost: true}
	s.Answers = "testdata/reading"
	s.Backend = func() http.Handler {
		e := emulator.New(emulator.Options{Username: "CANARY-user", Password: "CANARY-p4ss+word/="})
		e.Renew(acme)
		return e
	}
	providertest.Run(t, s)
}

// play runs f in a bubble with an emulator and a credential bound to it.
func play(t *testing.T, readURL bool, f func(*testing.T, *emulator.Emulator, credential.Provider)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := emulator.New(emulator.Options{})
		n := providertest.Serve(t, e)
		s := providertest.Suite{Kind: Kind(), Provider: `url = "http://tss.example:8080/rest/RestNewToken"`, Credential: credentialText}
		if readURL {
			s.Provider += "\n" + `read_url = "http://tss.example:8080/rest/RestGetToken"`
		}
		f(t, e, s.Open(t, n.Env()).Source)
	})
}

func fault(t testing.TB, err error) *credential.Fault {
	t.Helper()
	if err == nil {
		t.Fatal("success, expected a fault")
	}
	return credential.AsFault(err)
}

func set(t testing.TB, e *emulator.Emulator, name string, times int) {
	t.Helper()
	if err := e.SetFault(name, times); err != nil {
		t.Fatal(err)
	}
}

// TestRequest compares the request on the wire with the vendor's page.
func TestRequest(t *testing.T) {
	for _, c := range []struct {
		name, provider, credential string
		query, path, user          string
	}{
		{
			"the page's own sample", `url = "http://tss.example:8080/rest/RestNewToken"`, credentialText,
			"JSON=eyJlbXByZXNhIjp7ImNucGoiOiI1MzExMzc5MTAwMDEyMiIsInRpcG9wZXNzb2EiOjIsImllIjoiMTExMDEwOTQ1MTExIiwidWYiOiJTUCJ9fQ%3D%3D",
			"/rest/RestNewToken", "",
		},
		{
			"a client without registration", `url = "https://tss.example/api/tss/RestNewToken/"`,
			"cnpj = \"11.222.333/0001-81\"\ntipopessoa = 2\nie = \"ISENTO\"\nuf = \"PR\"",
			"JSON=eyJlbXByZXNhIjp7ImNucGoiOiIxMTIyMjMzMzAwMDE4MSIsInRpcG9wZXNzb2EiOjIsImllIjoiSVNFTlRPIiwidWYiOiJQUiJ9fQ%3D%3D",
			"/api/tss/RestNewToken/", "",
		},
		{
			"a natural person, with a login", "url = \"https://tss.example/RestNewToken\"\nusername = \"tss\"\npassword = { env = \"TSS_TEST_PASSWORD\" }",
			"cnpj = \"529.982.247-25\"\nuf = \"sp\"",
			// {"empresa":{"cnpj":"52998224725","tipopessoa":1,"ie":"","uf":"SP"}}
			"JSON=eyJlbXByZXNhIjp7ImNucGoiOiI1Mjk5ODIyNDcyNSIsInRpcG9wZXNzb2EiOjEsImllIjoiIiwidWYiOiJTUCJ9fQ%3D%3D",
			"/RestNewToken", "tss:s3cret",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Setenv("TSS_TEST_PASSWORD", "s3cret")
			synctest.Test(t, func(t *testing.T) {
				n := providertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					user, password, _ := r.BasicAuth()
					if login := strings.Trim(user+":"+password, ":"); login != c.user {
						t.Errorf("login %q, expected %q", login, c.user)
					}
					if r.Method != http.MethodGet || r.URL.RawQuery != c.query || r.URL.Path != c.path || r.ContentLength != 0 {
						t.Errorf("%s %s?%s with %d bytes", r.Method, r.URL.Path, r.URL.RawQuery, r.ContentLength)
					}
					if r.Header.Get("Cache-Control") != "no-cache" || !r.Close {
						t.Errorf("headers %v, connection to be closed: %v", r.Header, r.Close)
					}
				}))
				s := providertest.Suite{Kind: Kind(), Provider: c.provider, Credential: c.credential}
				_, _ = s.Open(t, n.Env()).Source.Refresh(t.Context(), credential.Request{})
				if n.Calls() != 1 {
					t.Errorf("%d calls", n.Calls())
				}
			})
		})
	}
}

func TestRenewal(t *testing.T) {
	play(t, false, func(t *testing.T, e *emulator.Emulator, p credential.Provider) {
		at := time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)
		for range 2 {
			cred, err := p.Refresh(t.Context(), credential.Request{At: at})
			if err != nil {
				t.Fatal(err)
			}
			if cred.Values[FieldToken].Reveal() != e.Token(acme) || !cred.IssuedAt.Equal(at) || !cred.ExpiresAt.IsZero() || len(cred.Values) != 1 || len(cred.Seed) != 0 {
				t.Errorf("%+v, the token is %q", cred, e.Token(acme))
			}
		}
		if e.Renewals(acme) != 2 || e.Requests() != 2 {
			t.Errorf("%d renewals in %d requests", e.Renewals(acme), e.Requests())
		}
		if r, ok := p.(credential.Revoker); !ok || !r.Revokes() {
			t.Error("the engine must be told that a renewal kills the old token")
		}
		if _, ok := p.(credential.Spender); ok {
			t.Error("no seed of this kind works only once")
		}
	})
}

// TestEveryFault tries every fault of the emulator: a token is returned if and only if the
// answer contains the valid one, and the fault has Lost set if the old token may be
// revoked.
func TestEveryFault(t *testing.T) {
	good := map[string]bool{
		"compact": true, "bom": true, "padded": true, "key-title": true, "key-lower": true, "token-upper": true,
		"delay": true, "same-token": true, "stale-read": true, "clock-ahead": true, "clock-behind": true,
	}
	for _, f := range emulator.New(emulator.Options{}).Faults() {
		t.Run(f.Name, func(t *testing.T) {
			play(t, false, func(t *testing.T, e *emulator.Emulator, p credential.Provider) {
				old := e.Renew(acme)
				set(t, e, f.Name, -1)
				ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
				defer stop()
				cred, err := p.Refresh(ctx, credential.Request{At: time.Now()})
				if e.Requests() != 1 {
					t.Errorf("%d requests", e.Requests())
				}
				dead := e.Token(acme) != old
				switch {
				case good[f.Name]:
					if err != nil || cred.Values[FieldToken].Reveal() != e.Token(acme) {
						t.Errorf("%v", err)
					}
				case dead && !fault(t, err).Lost:
					t.Errorf("the old token is dead and nothing says so: %v", err)
				case fault(t, err).Reason == credential.ReasonInternal:
					t.Errorf("an internal fault: %v", err)
				}
			})
		})
	}
}

func TestThrottling(t *testing.T) {
	play(t, false, func(t *testing.T, e *emulator.Emulator, p credential.Provider) {
		for _, name := range []string{"throttled", "throttled-date"} {
			set(t, e, name, 1)
			_, err := p.Refresh(t.Context(), credential.Request{At: time.Now()})
			f := fault(t, err)
			if wait := time.Until(f.RetryAfter); f.Reason != credential.ReasonThrottled || wait != time.Minute || f.Lost {
				t.Errorf("%s: %+v, to wait %v", name, f, wait)
			}
		}
	})
}

// lost renews once with the answer cut off, and returns what the engine knows afterwards.
func lost(t testing.TB, e *emulator.Emulator, p credential.Provider, how string) credential.Request {
	t.Helper()
	previous, err := p.Refresh(t.Context(), credential.Request{At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	previous.Generation = 1
	set(t, e, how, 1)
	_, err = p.Refresh(t.Context(), credential.Request{At: time.Now(), Previous: previous})
	if f := fault(t, err); !f.Lost || f.Reason != credential.ReasonNetwork {
		t.Fatalf("%+v", f)
	}
	return credential.Request{At: time.Now().Add(time.Minute), Previous: previous, Lost: true}
}

func TestLostAnswerIsReadBack(t *testing.T) {
	play(t, true, func(t *testing.T, e *emulator.Emulator, p credential.Provider) {
		req := lost(t, e, p, "close-after")
		cred, err := p.Refresh(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		if cred.Values[FieldToken].Reveal() != e.Token(acme) || !cred.IssuedAt.Equal(req.At) {
			t.Errorf("%+v, the token is %q", cred, e.Token(acme))
		}
		if e.Renewals(acme) != 2 || e.Reads(acme) != 1 || e.Calls(acme) != 2 {
			t.Errorf("%d renewals, %d reads, %d calls", e.Renewals(acme), e.Reads(acme), e.Calls(acme))
		}
	})
}

// TestLostFirstAnswerIsReadBack: no token was known before, so any token is the lost one.
func TestLostFirstAnswerIsReadBack(t *testing.T) {
	play(t, true, func(t *testing.T, e *emulator.Emulator, p credential.Provider) {
		set(t, e, "close-after", 1)
		_, err := p.Refresh(t.Context(), credential.Request{At: time.Now()})
		if !fault(t, err).Lost {
			t.Error(err)
		}
		cred, err := p.Refresh(t.Context(), credential.Request{At: time.Now(), Lost: true})
		if err != nil || cred.Values[FieldToken].Reveal() != e.Token(acme) || e.Renewals(acme) != 1 {
			t.Errorf("%v after %d renewals", err, e.Renewals(acme))
		}
	})
}

func TestLostRequestIsRenewedAnew(t *testing.T) {
	play(t, true, func(t *testing.T, e *emulator.Emulator, p credential.Provider) {
		req := lost(t, e, p, "close-before")
		cred, err := p.Refresh(t.Context(), req)
		if err != nil || cred.Values[FieldToken].Reveal() != e.Token(acme) {
			t.Errorf("got %v, want the token of a renewal", err)
		}
		if e.Calls(acme) != 3 || e.Reads(acme) != 1 || e.Renewals(acme) != 2 {
			t.Errorf("%d calls, %d reads, %d renewals, want one reading and one renewal more", e.Calls(acme), e.Reads(acme), e.Renewals(acme))
		}
	})
}

func TestLostWithoutReadURLRenews(t *testing.T) {
	play(t, false, func(t *testing.T, e *emulator.Emulator, p credential.Provider) {
		cred, err := p.Refresh(t.Context(), lost(t, e, p, "close-after"))
		if err != nil || cred.Values[FieldToken].Reveal() != e.Token(acme) || e.Renewals(acme) != 3 || e.Reads(acme) != 0 {
			t.Errorf("%v, %d renewals, %d reads", err, e.Renewals(acme), e.Reads(acme))
		}
	})
}

// TestReadServiceFails: the doubt stays while a read may still help, and ends when it
// cannot.
func TestReadServiceFails(t *testing.T) {
	for _, c := range []struct {
		fault  string
		reason credential.Reason
		lost   bool
	}{
		{"negative", credential.ReasonInvalidRequest, false},
		{"fault-404", credential.ReasonInvalidRequest, false},
		{"fault-401", credential.ReasonInvalidRequest, false}, // no login here to be refused: parking would be wrong
		{"fault-403", credential.ReasonInvalidRequest, false},
		{"fault-500", credential.ReasonServer, true},
		{"throttled", credential.ReasonThrottled, true},
		{"html", credential.ReasonBadResponse, true},
		{"empty", credential.ReasonBadResponse, true},
		{"redirect", credential.ReasonBadResponse, true},
		{"close-before", credential.ReasonNetwork, true},
		{"hang", credential.ReasonTimeout, true},
	} {
		t.Run(c.fault, func(t *testing.T) {
			play(t, true, func(t *testing.T, e *emulator.Emulator, p credential.Provider) {
				req := lost(t, e, p, "close-after")
				set(t, e, c.fault, -1)
				ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
				defer stop()
				_, err := p.Refresh(ctx, req)
				f := fault(t, err)
				if f.Reason != c.reason || f.Lost != c.lost || !strings.Contains(f.Message, "RestGetToken") {
					t.Errorf("%+v", f)
				}
				if e.Calls(acme) != 2 || e.Reads(acme) != 1 {
					t.Errorf("%d calls and %d reads", e.Calls(acme), e.Reads(acme))
				}
			})
		})
	}
}

// TestReadServiceIsDownForGood: after a few failed attempts the next one
// renews, and a success in between restarts the count.
func TestReadServiceIsDownForGood(t *testing.T) {
	play(t, true, func(t *testing.T, e *emulator.Emulator, p credential.Provider) {
		req := lost(t, e, p, "close-after")
		attempt := func() bool {
			_, err := p.Refresh(t.Context(), req)
			return err != nil && credential.AsFault(err).Lost
		}
		set(t, e, "fault-500", 2)
		if !attempt() || !attempt() {
			t.Error("gave the reading up at once")
		}
		if cred, err := p.Refresh(t.Context(), req); err != nil || cred.Values[FieldToken].Reveal() != e.Token(acme) {
			t.Errorf("the third reading: %v", err)
		}
		set(t, e, "close-before", 3)
		if !attempt() || !attempt() || attempt() {
			t.Error("the third failure in a row must let the next attempt renew")
		}
		ctx, stop := context.WithCancel(t.Context())
		stop()
		for range 5 {
			if _, err := p.Refresh(ctx, req); !credential.AsFault(err).Lost || credential.AsFault(err).Reason != credential.ReasonCancelled {
				t.Errorf("a stopping daemon proves nothing about the service: %v", err)
			}
		}
	})
}

// TestRefusedLoginParksReading: a refused password is not sent again, not even to the
// other service.
func TestRefusedLoginParksReading(t *testing.T) {
	t.Setenv("TSS_TEST_PASSWORD", "wrong")
	synctest.Test(t, func(t *testing.T) {
		n := providertest.Serve(t, emulator.New(emulator.Options{Username: "tss", Password: "right"}))
		s := providertest.Suite{Kind: Kind(), Credential: credentialText, Provider: `
url      = "https://tss.example/RestNewToken"
read_url = "https://tss.example/RestGetToken"
username = "tss"
password = { env = "TSS_TEST_PASSWORD" }`}
		_, err := s.Open(t, n.Env()).Source.Refresh(t.Context(), credential.Request{Lost: true})
		if f := fault(t, err); f.Reason != credential.ReasonRejected || !f.Lost {
			t.Errorf("%+v", f)
		}
	})
}

func TestProbe(t *testing.T) {
	for url, want := range map[string]string{
		"http://tss.example:8080/rest/RestNewToken": "/rest",
		"http://tss.example/api/tss/RestNewToken/":  "/api/tss",
		"http://tss.example/RestNewToken":           "/",
		"http://tss.example":                        "/",
	} {
		t.Run(url, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := emulator.New(emulator.Options{})
				n := providertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if strings.TrimRight(r.URL.Path, "/") != strings.TrimRight(want, "/") || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "" {
						t.Errorf("probes %s?%s", r.URL.Path, r.URL.RawQuery)
					}
					e.ServeHTTP(w, r)
				}))
				s := providertest.Suite{Kind: Kind(), Provider: `url = "` + url + `"`, Credential: credentialText}
				p := s.Open(t, n.Env()).Source.(credential.Prober)
				if err := p.Probe(t.Context()); err != nil {
					t.Errorf("a backend that answers: %v", err)
				}
				if n.Calls() != 1 || e.Requests() != 0 {
					t.Errorf("%d calls, %d of them to a service", n.Calls(), e.Requests())
				}
				n.Refuse()
				if err := p.Probe(t.Context()); fault(t, err).Reason != credential.ReasonNetwork {
					t.Errorf("a closed port: %v", err)
				}
			})
		})
	}
}
