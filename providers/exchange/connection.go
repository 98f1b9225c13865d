package exchange

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/tlsconf"
)

// Connection is how to reach a provider's backend, as its section configures
// it.
type Connection struct {
	env providers.Env
	// TLS is nil for the system's defaults.
	TLS *tls.Config
	// Proxy returns the proxy for a request, or nil.
	Proxy func(*http.Request) (*url.URL, error)
	// Limits are the expiries of our certificate and of the CAs.
	Limits []credential.Limit
}

// ReadConnection reads the keys tls and proxy. Host names the backend in a
// warning.
func ReadConnection(s *section.Section, host string, env providers.Env) Connection {
	c := Connection{env: env, Proxy: readProxy(s)}
	c.TLS, c.Limits = tlsconf.ReadTLS(s, host, env)
	return c
}

// Client returns a client of the backend.
func (c Connection) Client(opt ClientOptions) *Client {
	opt.TLS, opt.Proxy = c.TLS, c.Proxy
	return NewClient(c.env, opt)
}

// noProxy is the value of the key proxy for a direct connection.
const noProxy = "none"

// readProxy reads the key proxy. The URL may contain a login, so the key may be
// a secret.
func readProxy(s *section.Section) func(*http.Request) (*url.URL, error) {
	text := s.TextOrSecret("proxy").Reveal()
	switch {
	case text == "" || s.Unread("proxy"):
		return http.ProxyFromEnvironment
	case text == noProxy:
		return func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	proxy, err := parseProxy(text)
	if err != nil {
		s.Faultf("proxy", "%v (expected http://HOST:PORT, the same with https:// or socks5://, or %q)", err, noProxy)
		return nil
	}
	return http.ProxyURL(proxy)
}

// parseProxy parses a proxy address as HTTP_PROXY allows it: without a scheme
// it is http. Errors never quote the text, which may contain a password.
func parseProxy(text string) (*url.URL, error) {
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "":
		return nil, errors.New("not a valid proxy URL")
	case !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, u.Scheme):
		return nil, errors.New("has a scheme that proxies do not use")
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("contains more than a proxy address")
	}
	return u, nil
}
