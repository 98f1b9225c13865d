package oauth2

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/certtest"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// stage is an emulated server behind TLS that requests certificates, with a folder
// of the client's files.
type stage struct {
	*emulator.Server
	url, dir string
}

func serve(t testing.TB, settings emulator.Settings) *stage {
	t.Helper()
	s := &stage{Server: emulator.New(settings, nil), dir: t.TempDir()}
	server := httptest.NewUnstartedServer(s.Server)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	s.url = server.URL
	s.write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	s.write(t, "secret", []byte(testSecret))
	s.write(t, "password", []byte(testPassword))
	return s
}

func (s *stage) write(t testing.TB, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// parse reads a table; {url} and {dir} are filled in.
func (s *stage) parse(t testing.TB, path, text string) *section.Section {
	t.Helper()
	text = strings.NewReplacer("{url}", s.url, "{dir}", s.dir).Replace(text)
	table, err := section.Parse(path, text)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// open opens one provider and one credential.
func (s *stage) open(t testing.TB, provider, cred string) providers.Binding {
	t.Helper()
	p := s.parse(t, "providers.p", provider+"\ntls.ca_file = \"{dir}/ca.pem\"\n")
	backend := open(p, liveEnv(t))
	c := s.parse(t, "credentials.c", cred)
	b := backend.Bind(c)
	for _, f := range append(p.Finish(), c.Finish()...) {
		t.Fatal(f)
	}
	return b
}

// liveEnv provides real transports.
func liveEnv(t testing.TB) providers.Env {
	return providers.Env{
		Location: time.UTC, Warn: func(string) {},
		Transport: func(opt providers.TransportOptions) http.RoundTripper {
			transport := &http.Transport{TLSClientConfig: opt.TLS, DisableKeepAlives: opt.OneShot}
			t.Cleanup(transport.CloseIdleConnections)
			return transport
		},
	}
}

// TestCredentialsShareConnections binds many credentials of one server: they share
// one HTTP client.
func TestCredentialsShareConnections(t *testing.T) {
	s, env, made := serve(t, emulator.Settings{}), liveEnv(t), 0
	lent := env.Transport
	env.Transport = func(opt providers.TransportOptions) http.RoundTripper { made++; return lent(opt) }
	backend := open(s.parse(t, "providers.p", withSecret), env)
	for i := range 20 {
		backend.Bind(s.parse(t, "credentials.c", fmt.Sprintf("scope = \"s%d\"", i)))
	}
	if made != 1 {
		t.Errorf("got %d transports for 20 credentials, want 1", made)
	}
}

// obtain makes one attempt that must succeed.
func obtain(t testing.TB, b providers.Binding, req credential.Request) credential.Credential {
	t.Helper()
	got, err := attempt(t, b, req)
	if err != nil {
		t.Fatalf("%s: %v", credential.AsFault(err).Code, err)
	}
	return got
}

func attempt(t testing.TB, b providers.Binding, req credential.Request) (credential.Credential, error) {
	t.Helper()
	if req.At.IsZero() {
		req.At = time.Now()
	}
	return b.Source.Refresh(t.Context(), req)
}

// refused makes one attempt that must fail, and returns why.
func refused(t testing.TB, b providers.Binding, req credential.Request) *credential.Fault {
	t.Helper()
	_, err := attempt(t, b, req)
	if err == nil {
		t.Fatal("a token came")
	}
	return credential.AsFault(err)
}

// pair makes a key of a type with a certificate for it, as PEM.
func pair(t testing.TB, kind string) (crypto.PublicKey, *x509.Certificate, []byte) {
	t.Helper()
	issue := certtest.Issue
	if kind == "rsa" {
		issue = certtest.IssueRSA
	}
	c := issue(t, &x509.Certificate{Subject: pkix.Name{CommonName: "client"}}, nil)
	return c.Leaf.PublicKey, c.Leaf, certtest.PEM(t, c)
}
