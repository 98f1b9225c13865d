package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestHostsThatOnlyTheSystemKnows: hosts of the system's name service are
// connected to, at the first address that answers. An unknown host keeps the
// error of Go's resolver.
func TestHostsThatOnlyTheSystemKnows(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	d := newDialer()
	// Without a name server every lookup fails at once.
	d.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("no name server") }}
	d.ask = func(_ context.Context, host string) ([]netip.Addr, error) {
		asked++
		if host != "tss-loja.invalid" {
			return nil, errors.New("unknown")
		}
		// The first address has no listener.
		return []netip.Addr{netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	conn, err := d.DialContext(ctx, "tcp4", "tss-loja.invalid:"+port)
	if err != nil {
		t.Fatalf("connect to a host of the name service: %v", err)
	}
	conn.Close()
	_, err = d.DialContext(ctx, "tcp4", "other.invalid:"+port)
	if _, ok := errors.AsType[*net.DNSError](err); !ok {
		t.Errorf("unknown host: got %v, want a *net.DNSError", err)
	}
	if conn, err = d.DialContext(ctx, "tcp4", "127.0.0.1:"+port); err != nil || asked != 2 {
		t.Errorf("connect to an IP address: %v after %d lookups, want 2", err, asked)
	} else {
		conn.Close()
	}
}
