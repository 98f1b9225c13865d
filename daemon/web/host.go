package web

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// hosts are the names under which the listener may be accessed. Otherwise a web site
// whose name resolves to this machine (DNS rebinding) could read everything here
// through a browser. It cannot choose the Host header.
type hosts struct {
	open  bool // any name is allowed
	names []string
}

// hostsOf returns the allowed names of a listener. Without configured names, only
// loopback addresses are guarded, because the machine cannot know under which names
// the network reaches its other addresses.
func hostsOf(l Listening) hosts {
	own, _, _ := net.SplitHostPort(l.Address)
	if len(l.Hosts) == 0 && !loopback(own) {
		return hosts{open: true}
	}
	names := []string{"localhost", bare(own)}
	if machine, err := os.Hostname(); err == nil {
		short, _, _ := strings.Cut(machine, ".")
		names = append(names, bare(machine), bare(short))
	}
	for _, name := range l.Hosts {
		names = append(names, bare(name))
	}
	return hosts{names: names}
}

func loopback(host string) bool {
	if bare(host) == "localhost" {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.IsLoopback()
}

// bare normalizes a name for comparison.
func bare(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// allows reports whether the Host header of a request is allowed. IP addresses need
// no name resolution, and a client without the header is not a browser.
func (h hosts) allows(header string) bool {
	if h.open || header == "" {
		return true
	}
	name := header
	if host, _, err := net.SplitHostPort(header); err == nil {
		name = host
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	return slices.Contains(h.names, bare(name))
}

// guard answers 421 for names that are not allowed.
func (h hosts) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.allows(r.Host) {
			http.Error(w, "this name is not served here (see hosts in [daemon])", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
