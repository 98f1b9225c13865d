// Package providertest is the contract that every provider passes, whatever
// its kind, and the network without sockets that it is tested on.
//
// A kind's test describes itself in a Suite, with a backend in good order and
// a folder of recorded answers, and calls Run. The suite adds what any backend
// may do on a bad day: pages for people, cut, empty, huge and dripping
// answers, silence, redirects, closed ports. After each attempt it holds the
// provider to the rules of credential.Provider: a fault with a reason, no
// secret and nothing of the peer's text in it, no more calls than allowed, no
// empty and no dead token, no goroutine left behind.
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

// Canary is a text that no error may repeat. The suite hides it in every
// answer it makes; recorded answers carry it where a server's text stands.
const Canary = "CANARY"

// Suite describes one kind to the contract.
type Suite struct {
	Kind providers.Kind
	// Provider and Credential are the keys of the two sections in TOML. {dir}
	// stands for the folder that holds Files.
	Provider, Credential string
	// Files are written before the sections are read, by name: secrets,
	// certificates.
	Files map[string]string
	// Request is what every attempt is handed. At is filled in when zero.
	Request credential.Request
	// Backend returns a backend in good order, a new one for each attempt.
	Backend func() http.Handler
	// Answers is the folder of recorded answers: see Recorded.
	Answers string
	// Secrets are texts of the configuration that no error may show.
	Secrets []string
	// Calls is how many calls one attempt may make; 1 when zero.
	Calls int
	// HeadOnly says that the kind reads only the beginning of an answer, whose
	// length is no fault then.
	HeadOnly bool
	// Optional are fields that an answer of success may lack.
	Optional []string
	// OneShot says that the kind must ask for connections without reuse.
	OneShot bool
}

// timeout is what the engine's policy would set for one attempt.
const timeout = 30 * time.Second

// Run holds the kind to the contract.
func Run(t *testing.T, s Suite) {
	t.Helper()
	if s.Calls == 0 {
		s.Calls = 1
	}
	s.furnish(t)
	t.Run("success", s.success)
	t.Run("compressed unasked", s.compressed)
	for _, c := range badDays(s.goodAnswer(t)) {
		if c.long && s.HeadOnly {
			continue
		}
		t.Run(c.name, func(t *testing.T) { s.day(t, c) })
	}
	t.Run("every prefix", s.prefixes)
	t.Run("answers", s.recorded)
}

// furnish writes the files and returns their folder.
func (s *Suite) furnish(t *testing.T) (dir string) {
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

// success checks the sunny day.
func (s Suite) success(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := Serve(t, s.Backend())
		before := n.Settings()
		b := s.Open(t, n.Env())
		cred, err := s.attempt(t, n, b, t.Context())
		if err != nil {
			t.Fatalf("a backend in good order: %v", err)
		}
		if len(b.Fields) == 0 {
			t.Error("the binding names no field")
		}
		for name := range cred.Values {
			if !slices.Contains(b.Fields, name) {
				t.Errorf("the value %q is not among the binding's fields %q", name, b.Fields)
			}
		}
		if n.Calls() == 0 {
			t.Error("success without a call")
		}
		if after := n.Settings(); after != before {
			t.Errorf("the transport that was lent has changed:\nbefore %s\nafter  %s", before, after)
		}
		for _, opt := range n.Asked() {
			if opt.OneShot != s.OneShot {
				t.Errorf("asked for a transport with OneShot = %v, the kind needs %v", opt.OneShot, s.OneShot)
			}
		}
	})
}

// compressed is the sunny day behind a server that compresses whatever the
// request says.
func (s Suite) compressed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		coding := ""
		n := Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			coding = r.Header.Get("Accept-Encoding")
			compressed(s.Backend()).ServeHTTP(w, r)
		}))
		if _, err := s.attempt(t, n, s.Open(t, n.Env()), t.Context()); err != nil {
			t.Errorf("a good answer in gzip: %v", err)
		}
		if coding != "identity" {
			t.Errorf("Accept-Encoding is %q, so that the server may choose", coding)
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
		t.Fatal("the provider's section was refused")
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

// attempt makes one attempt and holds its outcome to the rules that hold on
// any day.
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
		t.Errorf("%d calls in one attempt (at most %d)", calls, s.Calls)
	}
	for _, seen := range n.Queries() {
		s.secretless(t, "the URL of a request", seen)
	}
	if err != nil {
		s.faulty(t, n.Queries(), cred, err)
		return cred, err
	}
	s.sound(t, b, req.At, cred)
	return cred, nil
}

// sound checks the rules for an attempt that succeeded.
func (s Suite) sound(t testing.TB, b providers.Binding, at time.Time, cred credential.Credential) {
	t.Helper()
	for _, name := range b.Fields {
		if v, ok := cred.Field(name); (!ok || v.IsZero()) && !slices.Contains(s.Optional, name) {
			t.Errorf("success with the field %q empty", name)
		}
	}
	if cred.IssuedAt.IsZero() {
		t.Error("success without IssuedAt")
	}
	if !cred.ExpiresAt.IsZero() && !cred.ExpiresAt.After(at) {
		t.Errorf("success with a token that is over: expires %v, now %v", cred.ExpiresAt, at)
	}
}
