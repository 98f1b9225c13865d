// Package providertest is the contract that every kind of provider must meet,
// and an in-memory network to test it on.
//
// A kind's test describes the kind in a Suite, with a working backend and a
// folder of recorded answers, and calls Run. The suite adds the failures any
// backend may have: HTML pages, truncated, empty, huge and slow answers,
// silence, redirects, closed ports. After each attempt it checks the rules of
// credential.Provider: the error is a fault with a reason, it contains no
// secret and no text from the peer, the number of calls is limited, a success
// has no empty and no expired token, and no goroutine is left.
package providertest

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// Canary is a text that no error may quote. The suite puts it into every answer
// it makes; recorded answers contain it in place of a server's text.
const Canary = "CANARY"

// Suite describes one kind to the contract.
type Suite struct {
	Kind providers.Kind
	// Provider and Credential are the keys of the two sections in TOML. {dir}
	// stands for the folder that contains Files.
	Provider, Credential string
	// Files are written by name before the sections are read: secrets,
	// certificates.
	Files map[string]string
	// Request is passed to every attempt. At is filled in if it is zero.
	Request credential.Request
	// Backend returns a working backend, a new one for each attempt.
	Backend func() http.Handler
	// Answers is the folder of recorded answers: see recorded.
	Answers string
	// Secrets are texts of the configuration that no error may contain.
	Secrets []string
	// Calls is the maximum number of calls in one attempt; zero means 1.
	Calls int
	// HeadOnly means that the kind reads only the beginning of an answer, so its
	// length is not a fault.
	HeadOnly bool
	// Optional lists fields that a successful answer may lack.
	Optional []string
	// OneShot means that the kind must request connections without reuse.
	OneShot bool
}

// timeout is what the engine's policy would set for one attempt.
const timeout = 30 * time.Second

// Run checks the kind against the contract.
func Run(t *testing.T, s Suite) {
	t.Helper()
	if s.Calls == 0 {
		s.Calls = 1
	}
	s.writeFiles(t)
	t.Run("success", s.success)
	t.Run("compressed unasked", s.compressed)
	for _, c := range failures(s.goodAnswer(t)) {
		if c.long && s.HeadOnly {
			continue
		}
		t.Run(c.name, func(t *testing.T) { s.fail(t, c) })
	}
	t.Run("every prefix", s.prefixes)
	t.Run("answers", s.recorded)
}

// writeFiles writes the files and returns their folder.
func (s *Suite) writeFiles(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range s.Files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.Provider = strings.ReplaceAll(s.Provider, "{dir}", dir)
	s.Credential = strings.ReplaceAll(s.Credential, "{dir}", dir)
	return dir
}

// success checks a successful attempt.
func (s Suite) success(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := Serve(t, s.Backend())
		before := n.Settings()
		b := s.Open(t, n.Env())
		cred, err := s.attempt(t, n, b, t.Context())
		if err != nil {
			t.Fatalf("working backend: %v", err)
		}
		if len(b.Fields) == 0 {
			t.Error("the binding has no fields")
		}
		for name := range cred.Values {
			if !slices.Contains(b.Fields, name) {
				t.Errorf("value %q is missing in the binding's fields %q", name, b.Fields)
			}
		}
		if n.Calls() == 0 {
			t.Error("got success without a call")
		}
		if after := n.Settings(); after != before {
			t.Errorf("the kind modified the transport:\nbefore %s\nafter  %s", before, after)
		}
		for _, opt := range n.Asked() {
			if opt.OneShot != s.OneShot {
				t.Errorf("requested a transport with OneShot %v, want %v", opt.OneShot, s.OneShot)
			}
		}
	})
}

// compressed checks a success behind a server that compresses whatever the
// request says.
func (s Suite) compressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		coding := ""
		n := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			coding = r.Header.Get("Accept-Encoding")
			compressed(s.Backend()).ServeHTTP(w, r)
		}))
		if _, err := s.attempt(t, n, s.Open(t, n.Env()), t.Context()); err != nil {
			t.Errorf("good answer in gzip: %v", err)
		}
		if coding != "identity" {
			t.Errorf("Accept-Encoding is %q, want identity", coding)
		}
	})
}

// Open reads the two sections and returns the binding. Faults end the test.
func (s Suite) Open(t testing.TB, env providers.Env) providers.Binding {
	t.Helper()
	provider := parse(t, "providers.test", s.Provider)
	backend := s.Kind.Open(provider, env)
	finish(t, provider)
	if backend == nil {
		t.Fatal("the provider's section was rejected")
	}
	cred := parse(t, "credentials.test", s.Credential)
	b := backend.Bind(cred)
	finish(t, cred)
	return b
}

func parse(t testing.TB, path, text string) *section.Section {
	t.Helper()
	s, err := section.Parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func finish(t testing.TB, s *section.Section) {
	t.Helper()
	for _, f := range s.Finish() {
		t.Errorf("configuration: %v", f)
	}
}

// attempt makes one attempt and checks the rules that apply to every outcome.
func (s Suite) attempt(t testing.TB, n *Network, b providers.Binding, ctx context.Context) (credential.Credential, error) {
	t.Helper()
	ctx, stop := context.WithTimeout(ctx, timeout)
	defer stop()
	req := s.Request
	if req.At.IsZero() {
		req.At = time.Now()
	}
	cred, err := b.Source.Refresh(ctx, req)
	if calls := n.Calls(); calls > s.Calls {
		t.Errorf("got %d calls in one attempt, want at most %d", calls, s.Calls)
	}
	for _, seen := range n.Queries() {
		s.checkNoSecret(t, "the URL of a request", seen)
	}
	if err != nil {
		s.checkFault(t, n.Queries(), cred, err)
		return cred, err
	}
	s.checkSuccess(t, b, req.At, cred)
	return cred, nil
}

// checkSuccess checks the rules for a successful attempt.
func (s Suite) checkSuccess(t testing.TB, b providers.Binding, at time.Time, cred credential.Credential) {
	t.Helper()
	for _, name := range b.Fields {
		if v, ok := cred.Field(name); (!ok || v.IsZero()) && !slices.Contains(s.Optional, name) {
			t.Errorf("got success with an empty field %q", name)
		}
	}
	if cred.IssuedAt.IsZero() {
		t.Error("got success without IssuedAt")
	}
	if !cred.ExpiresAt.IsZero() && !cred.ExpiresAt.After(at) {
		t.Errorf("got success with an expired token: expires %v, now %v", cred.ExpiresAt, at)
	}
}
