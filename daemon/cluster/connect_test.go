package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"sync/atomic"
	"testing"

	"github.com/vigented/vigente/internal/certtest"
)

// selfSigned returns a certificate for 127.0.0.1 with that serial number.
func selfSigned(t *testing.T, serial int64) tls.Certificate {
	t.Helper()
	return *certtest.Issue(t, &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "the test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, nil)
}

// A renewed certificate, or another authority, applies to the next connection.
func TestRenewedCertificateIsShown(t *testing.T) {
	t.Parallel()
	server := selfSigned(t, 1)
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{server}, ClientAuth: tls.RequireAnyClientCert, NextProtos: []string{"h2"}})
	must(t, err)
	defer listener.Close()
	shown := make(chan int64)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			own, _ := conn.(*tls.Conn)
			if err := own.HandshakeContext(t.Context()); err != nil {
				shown <- 0 // the client does not trust this server
			} else {
				shown <- own.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
			}
			_ = conn.Close()
		}
	}()
	trusted, other := x509.NewCertPool(), x509.NewCertPool()
	trusted.AddCert(server.Leaf)
	other.AddCert(selfSigned(t, 2).Leaf)
	var current atomic.Pointer[tls.Config]
	creds := renewable{current.Load}.Clone()
	for _, c := range []struct {
		trusts *x509.CertPool
		serial int64
		want   int64
	}{{trusted, 3, 3}, {trusted, 4, 4}, {other, 4, 0}, {trusted, 4, 4}} {
		current.Store(&tls.Config{RootCAs: c.trusts, Certificates: []tls.Certificate{selfSigned(t, c.serial)}})
		conn, err := net.Dial("tcp", listener.Addr().String())
		must(t, err)
		_, _, err = creds.ClientHandshake(t.Context(), listener.Addr().String(), conn)
		if got := <-shown; got != c.want || (err == nil) != (c.want > 0) {
			t.Errorf("the server saw certificate %d, want %d: %v", got, c.want, err)
		}
		_ = conn.Close()
	}
}
