package transport

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/vigented/vigente/internal/getent"
)

// dialer connects to backends. A host that Go's resolver does not find is
// looked up in the system's name service, which also knows hosts from mDNS,
// WINS or a directory.
type dialer struct {
	net.Dialer
	// ask returns the addresses of a host from the system's name service.
	ask func(ctx context.Context, host string) ([]netip.Addr, error)
}

func newDialer() *dialer {
	return &dialer{net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}, getent.Addresses}
}

// DialContext connects to an address with a host name or an IP address.
func (d *dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if _, unknown := errors.AsType[*net.DNSError](err); !unknown {
		return conn, err
	}
	host, port, split := net.SplitHostPort(address)
	if split != nil {
		return nil, err
	}
	addresses, unknown := d.ask(ctx, host)
	if unknown != nil {
		return nil, err // the error of the first lookup is clearer
	}
	for _, a := range addresses {
		if conn, err = d.Dialer.DialContext(ctx, network, net.JoinHostPort(a.String(), port)); err == nil {
			return conn, nil
		}
	}
	return nil, err
}
