package exchange_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/needs"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// throughProxy provides real transports that keep a proxy's status, like the
// daemon's.
func throughProxy() providers.Env {
	return providers.Env{Warn: func(string) {}, Transport: func(o providers.TransportOptions) http.RoundTripper {
		return &http.Transport{Proxy: o.Proxy, DisableKeepAlives: true, OnProxyConnectResponse: connected}
	}}
}

// TestProxyIsNamed: messages contain the proxy's host and port, but never its
// password.
func TestProxyIsNamed(t *testing.T) {
	status := http.StatusProxyAuthRequired
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer proxy.Close()
	dead := needs.Port()
	alive := strings.TrimPrefix(proxy.URL, "http://")
	for _, c := range []struct {
		address, target string
		status          int
		words           string
	}{
		{alive, "https://vault.example/", 407, "it requires a login"},
		{alive, "https://vault.example/", 403, "does not let us connect"},
		{alive, "https://vault.example/", 502, "cannot reach the backend"},
		{alive, "https://vault.example/", 404, "is it a proxy"},
		{alive, "http://vault.example/", 407, "requires a login"},
		{alive, "http://vault.example/", 503, "or the proxy"},
		{dead, "https://vault.example/", 0, "connection refused"},
		{dead, "http://vault.example/", 0, "connection refused"},
	} {
		status = c.status
		s, err := section.Parse("providers.x", `proxy = "http://erp:geheim@`+c.address+`"`)
		if err != nil {
			t.Fatal(err)
		}
		client := exchange.ReadConnection(s, "", throughProxy()).Client(exchange.ClientOptions{})
		_, err = client.Ask(t.Context(), get(t, c.target), func(a *exchange.Answer) *credential.Fault { return exchange.StatusFault(a) })
		f := credential.AsFault(err)
		if c.status != 503 && f.Reason != credential.ReasonNetwork || f.Lost {
			t.Errorf("%s: got %q, Lost %v; want network, Lost false", c.target, f.Reason, f.Lost)
		}
		if !strings.Contains(f.Message, "proxy "+c.address) || !strings.Contains(f.Message, c.words) || strings.Contains(f.Message, "geheim") {
			t.Errorf("%d: got message %q, want it to contain the proxy and %q, and no password", c.status, f.Message, c.words)
		}
	}
}

// TestProxysOwnPage: a page that came through a proxy for plain http may be the
// proxy's, and shows nothing of the backend. In a tunnel it is the server's.
func TestProxysOwnPage(t *testing.T) {
	status, page := 0, true
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if page {
			w.Header().Set("Content-Type", "text/html")
		}
		w.WriteHeader(status)
	}))
	defer proxy.Close()
	address := strings.TrimPrefix(proxy.URL, "http://")
	s, err := section.Parse("providers.x", `proxy = "`+address+`"`)
	if err != nil {
		t.Fatal(err)
	}
	client := exchange.ReadConnection(s, "", throughProxy()).Client(exchange.ClientOptions{})
	for _, c := range []struct {
		status   int
		page     bool
		answered bool
	}{
		{407, true, false},
		{407, false, false},
		{403, true, false},
		{401, true, false},
		{502, false, false},
		{503, true, false},
		{504, false, false},
		{200, true, true},
		{404, true, true},
		{403, false, true},
		{200, false, true},
	} {
		status, page = c.status, c.page
		err := client.Answers(t.Context(), get(t, "http://tss.example/rest"))
		if (err == nil) != c.answered {
			t.Errorf("%d, page %v: got %v, want that the backend answered: %v", c.status, c.page, err, c.answered)
		}
		if err != nil && !strings.Contains(err.Error(), "proxy "+address) {
			t.Errorf("%d, page %v: got %v, want the proxy named", c.status, c.page, err)
		}
	}
	status, page = 403, true
	a, err := client.Do(t.Context(), get(t, "http://tss.example/rest"))
	if err != nil {
		t.Fatal(err)
	}
	if f := exchange.HTMLFault(a); !strings.Contains(f.Message, "the proxy "+address) {
		t.Errorf("got %q, want the proxy named", f.Message)
	}
	a.Proxy = ""
	if f := exchange.HTMLFault(a); !strings.Contains(f.Message, "something other than the backend") {
		t.Errorf("without a proxy: got %q", f.Message)
	}
}

func TestProxyKey(t *testing.T) {
	for text, want := range map[string]string{
		"none":                 "none",
		"proxy.example:3128":   "http://proxy.example:3128",
		"http://p.example":     "http://p.example",
		"socks5://p.example:1": "socks5://p.example:1",
		"ftp://p.example":      "fault",
		"http://":              "fault",
		"http://p/path":        "fault",
		"geheim@:":             "fault",
	} {
		s, err := section.Parse("providers.x", `proxy = "`+text+`"`)
		if err != nil {
			t.Fatal(err)
		}
		conn := exchange.ReadConnection(s, "", throughProxy())
		got := "fault"
		if !s.Failed() {
			got = "none"
			if u, err := conn.Proxy(get(t, "https://vault.example/")); err == nil && u != nil {
				got = u.String()
			}
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
		for _, f := range s.Finish() {
			if strings.Contains(f.Message, "geheim") {
				t.Errorf("the fault quotes the value, which may hold a password: %s", f.Message)
			}
		}
	}
}

func connected(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return &providers.ProxyError{Status: resp.StatusCode}
	}
	return nil
}
