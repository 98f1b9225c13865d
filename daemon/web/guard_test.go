package web

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"
	"golang.org/x/crypto/bcrypt"
)

// guardedServer serves a page behind TLS and one user, and returns a client
// that trusts its certificate and the path of the web configuration.
func guardedServer(t testing.TB, password string) (url string, client *http.Client, path string) {
	t.Helper()
	borrowed := httptest.NewTLSServer(http.NotFoundHandler()) // for its certificate
	t.Cleanup(borrowed.Close)
	dir, pair := t.TempDir(), borrowed.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
	write("key", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	path = filepath.Join(dir, "web.yml")
	write("web.yml", webConfig(t, password))
	ln := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	go func() { ended <- Serve(ctx, ln, page, path, zap.NewNop()) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "https://" + ln.Addr().String(), borrowed.Client(), path
}

func webConfig(t testing.TB, password string) []byte {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return []byte("tls_server_config:\n  cert_file: crt\n  key_file: key\nbasic_auth_users:\n  prometheus: " + string(hash) + "\n")
}

// TestWebConfigGuardsTheListener asks with and without the user, over TLS and
// without, before and after the file has changed.
func TestWebConfigGuardsTheListener(t *testing.T) {
	url, client, path := guardedServer(t, canary)
	ask := func(url, user, password string) (int, string) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		res, err := client.Do(r)
		if err != nil {
			return 0, ""
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		return res.StatusCode, string(body)
	}
	for _, tt := range []struct {
		name, url, user, password string
		code                      int
	}{
		{"nobody", url, "", "", 401},
		{"a wrong password", url, "prometheus", "wrong", 401},
		{"another user", url, "grafana", canary, 401},
		{"the user", url, "prometheus", canary, 200},
		{"without TLS", strings.Replace(url, "https", "http", 1), "prometheus", canary, 400},
	} {
		code, body := ask(tt.url, tt.user, tt.password)
		if code != tt.code || (code == 200) != (body == "page") {
			t.Errorf("%s: %d %q, want %d", tt.name, code, body, tt.code)
		}
	}
	if err := os.WriteFile(path, webConfig(t, "another"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _ := ask(url, "prometheus", canary); code != 401 {
		t.Errorf("the old password: %d", code)
	}
	if code, _ := ask(url, "prometheus", "another"); code != 200 {
		t.Errorf("the new password: %d", code)
	}
}
