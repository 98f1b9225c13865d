package web

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

func TestForeignHostsAreMisdirected(t *testing.T) {
	machine, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	lo, own := "127.0.0.1:9847", []string{"Tokens.example.com"}
	for _, tt := range []struct {
		address string
		hosts   []string
		header  string
		want    int
	}{
		{lo, nil, "127.0.0.1:9847", 200},
		{lo, nil, "10.1.2.3", 200},
		{lo, nil, "[::1]:9847", 200},
		{lo, nil, "[::1]", 200},
		{lo, nil, "localhost", 200},
		{lo, nil, "LOCALHOST.:9847", 200},
		{lo, nil, machine + ":9847", 200},
		{lo, nil, "", 200},
		{lo, nil, "evil.example", 421},
		{lo, nil, "evil.example:9847", 421},
		{lo, nil, "localhost.evil.example", 421},
		{lo, nil, "127.0.0.1.evil.example", 421},
		{"localhost:9847", nil, "evil.example", 421},
		{"[::1]:9847", nil, "evil.example", 421},
		{lo, own, "tokens.example.com", 200},
		{lo, own, "evil.example", 421},
		{":9847", nil, "evil.example", 200},
		{"0.0.0.0:9847", nil, "any.example", 200},
		{"0.0.0.0:9847", own, "any.example", 421},
		{"0.0.0.0:9847", own, "tokens.example.com:9847", 200},
		{"page.example.com:9847", own, "page.example.com", 200},
	} {
		for _, path := range []string{"/", "/metrics", "/livez", "/readyz", "/nothing"} {
			served := hostsOf(Listening{Address: tt.address, Hosts: tt.hosts}).guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Host = tt.header
			w := httptest.NewRecorder()
			served.ServeHTTP(w, r)
			if w.Code != tt.want {
				t.Errorf("%s with hosts %q: Host %q on %s is answered %d, want %d", tt.address, tt.hosts, tt.header, path, w.Code, tt.want)
			}
		}
	}
}

func TestHasUsers(t *testing.T) {
	for text, want := range map[string]bool{
		"basic_auth_users: {a: b}\n":             true,
		"{basic_auth_users: {a: b}}":             true,
		"basic_auth_users: {}\n":                 false,
		"basic_auth_users:\n":                    false,
		"tls_server_config: {cert_file: a}\n":    false,
		"# basic_auth_users: {a: b}\n{}\n":       false,
		"basic_auth_users: {a: b}\n\tnonsense\n": false,
	} {
		path := t.TempDir() + "/web.yml"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hasUsers(path); got != want {
			t.Errorf("%q: users %v, want %v", text, got, want)
		}
	}
	if hasUsers("") || hasUsers(t.TempDir()+"/none") {
		t.Error("a file that is not there has users")
	}
}
