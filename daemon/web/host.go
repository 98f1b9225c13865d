package web

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// hosts are the names under which the listener may be asked. A page of a
// foreign site that makes its own name point to this machine (DNS rebinding)
// could read everything here otherwise; it cannot choose the Host header.
type hosts struct {
	open  bool // any name is fine
	names []string
}

// hostsOf returns the names for a listener. Without names of its own only a
// loopback address is guarded: behind any other the network knows the machine by
// names that it cannot know itself.
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

// bare is a name as it is compared.
func bare(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// allows reports whether the Host header of a request may be answered. An
// address needs no look-up, and a client without the header is no browser.
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

// guard answers 421 for every other name.
func (h hosts) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !h.allows(r.Host) {
			http.Error(w, "this name is not served here (see hosts in [daemon])", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}
