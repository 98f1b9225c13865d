package exchange

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/vigented/vigente/internal/section"
)

// URLOptions says what a configured URL may contain.
type URLOptions struct {
	// Optional allows the key to be absent or empty.
	Optional bool
	// PlainHTTP allows http to any host. It is always allowed to loopback
	// addresses.
	PlainHTTP bool
	// Query allows a query string.
	Query bool
}

// HTTPSURL reads a backend's URL. It returns nil if the key is absent, or
// invalid, which it reports as a fault. Faults never quote the value, which
// might contain a password by mistake.
func HTTPSURL(s *section.Section, key string, opt URLOptions) *url.URL {
	var text string
	if opt.Optional {
		text = s.Text(key, "")
	} else {
		text = s.Required(key)
	}
	if text == "" {
		return nil
	}
	u, problem := parseURL(text, opt)
	if problem != "" {
		s.Faultf(key, "%s", problem)
		return nil
	}
	return u
}

func parseURL(text string, opt URLOptions) (u *url.URL, problem string) {
	const expected = "(expected https://HOST[:PORT]/PATH)"
	u, err := url.Parse(text)
	switch {
	case strings.TrimSpace(text) != text:
		return nil, "begins or ends with a blank " + expected
	case section.HoldsInvisible(text):
		return nil, "holds an invisible character " + expected
	case err != nil, u.Opaque != "", u.Scheme != "" && u.Hostname() == "":
		return nil, "is not a valid URL " + expected
	case u.Scheme == "":
		return nil, "has no scheme " + expected
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, "has a scheme that is not http or https " + expected
	case u.Scheme == "http" && !opt.PlainHTTP && !Loopback(u.Hostname()):
		return nil, "is not encrypted (expected https; http is accepted for loopback addresses only)"
	case u.User != nil:
		return nil, "contains a user name (expected no user or password in a URL; there are keys for them)"
	case strings.Contains(text, "#"):
		return nil, "contains a fragment (expected nothing from # on)"
	case !opt.Query && strings.Contains(text, "?"):
		return nil, "contains a query (expected the URL up to and without the ?)"
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return nil, "has no valid port (expected 1 to 65535)"
		}
	}
	return u, ""
}

// Loopback reports whether host, given without a port, is this machine.
func Loopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// SameURL returns a canonical form of u: two URLs that differ only in the case
// of the host, a default port or a trailing slash are the same backend.
func SameURL(u *url.URL) string {
	if u == nil {
		return "" // it was refused; the rest of the table is still checked
	}
	host := strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port := u.Port(); port != "" && (u.Scheme != "https" || port != "443") && (u.Scheme != "http" || port != "80") {
		host += ":" + port
	}
	return u.Scheme + "://" + host + strings.TrimRight(u.EscapedPath(), "/")
}
