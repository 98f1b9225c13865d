package exchange

import (
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"testing"
)

// TestTLSProblemsHaveTheirOwnMessages: crypto/tls identifies most problems only by
// their text, which our messages must not quote.
func TestTLSProblemsHaveTheirOwnMessages(t *testing.T) {
	local := func(alert string) error { return &net.OpError{Op: "local error", Err: errors.New("tls: " + alert)} }
	remote := func(alert string) error { return &net.OpError{Op: "remote error", Err: errors.New("tls: " + alert)} }
	for _, c := range []struct {
		err   error
		words string
	}{
		{local("no renegotiation"), "tls.renegotiation = true"},
		{errors.New("tls: failed to parse certificate from server: x509: negative serial number"), "GODEBUG=x509negativeserial=1"},
		{errors.New("tls: failed to parse certificate from server: x509: malformed certificate"), "cannot be read"},
		{errors.New("tls: server selected unsupported protocol version 302"), "TLS 1.1 or older"},
		{errors.New("tls: server chose an unconfigured cipher suite"), "ECDHE"},
		{errors.New("tls: server sent certificate containing RSA key larger than 8192 bits"), "8192"},
		{errors.New("crypto/rsa: 512-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)"), ""},
		{errors.New("tls: x: crypto/rsa: 512-bit keys are insecure"), "GODEBUG=rsa1024min=0"},
		{errors.New("tls: CANARY"), "violates the protocol"},
		{remote("handshake failure"), "GODEBUG=tlsrsakex=1"},
		{remote("protocol version not supported"), "must offer TLS 1.2"},
		{remote("certificate required"), "see tls.certificate"},
		{remote("unrecognized name"), "tls.server_name"},
		{remote("CANARY"), "refused the TLS connection"},
		{tls.RecordHeaderError{RecordHeader: [5]byte{'H', 'T', 'T', 'P', '/'}}, "plain http"},
		{tls.RecordHeaderError{}, "does not speak TLS on this port"},
		{errors.New("CANARY"), ""},
	} {
		got := tlsProblem(c.err)
		if (got == "") != (c.words == "") || !strings.Contains(got, c.words) || strings.Contains(got, "CANARY") {
			t.Errorf("%v: got %q, want it to contain %q", c.err, got, c.words)
		}
	}
}
