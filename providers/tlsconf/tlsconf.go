// Package tlsconf reads the tls table of the configuration: whom to trust, and
// which certificate to present.
package tlsconf

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net/netip"
	"regexp"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// ReadTLS reads the tls table of s: whom to trust and which certificate to
// present. It returns nil, meaning the system's defaults, if nothing is
// configured. It also returns the expiries of the configured files. Host names
// the backend in the warning about insecure_skip_verify.
//
// A pin alone replaces verification of chain and name; together with ca_file
// both must hold. It is verified even with insecure_skip_verify.
func ReadTLS(s *section.Section, host string, env providers.Env) (*tls.Config, []credential.Limit) {
	t := s.Table("tls")
	if t == nil {
		return nil, nil
	}
	var limits []credential.Limit
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.Text("server_name", "")}
	set := cfg.ServerName != ""
	if set && !isHost(cfg.ServerName) {
		t.Faultf("server_name", "is not a host name (expected the name in the certificate, such as tss.example.com)")
	}
	if t.Text("ca_file", "") != "" {
		set = true
		if data := t.File("ca_file"); data != nil {
			var valid span
			cfg.RootCAs, valid = readCAs(t, data)
			limits = append(limits, ends(t, "ca_file", KindAuthority, valid, env)...)
		}
	}
	if text := t.Text("pin_sha256", ""); text != "" {
		set = true
		if pin, err := parsePin(text); err != nil {
			t.Faultf("pin_sha256", "%v", err)
		} else {
			cfg.VerifyConnection = verifyPin(pin)
			cfg.InsecureSkipVerify = cfg.RootCAs == nil // VerifyConnection replaces it
		}
	}
	if t.Bool("insecure_skip_verify", false) {
		set = true
		cfg.InsecureSkipVerify = true
		if cfg.VerifyConnection == nil {
			env.Warn(s.Path() + ": insecure_skip_verify is on: anyone between here and " + host +
				" can read and answer for it (set tls.ca_file or tls.pin_sha256 instead)")
		}
	}
	if t.Bool("renegotiation", false) {
		set = true
		// Once, for a server that asks for our certificate only after the
		// request.
		cfg.Renegotiation = tls.RenegotiateOnceAsClient
	}
	if c := t.Table("certificate"); c != nil {
		cert, ending := ReadCertificate(c, env)
		if cert != nil {
			show(cfg, cert)
		}
		limits = append(limits, ending...)
		set = set || cert != nil || c.Text("file", "") != ""
	}
	if !set {
		return nil, limits
	}
	return cfg, limits
}

// readCAs reads the CA certificates of a PEM file, and from the earliest to the latest
// of their lives: it is not known which of them signed the server's certificate.
func readCAs(t *section.Section, data []byte) (pool *x509.CertPool, valid span) {
	pool, found := x509.NewCertPool(), false
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Faultf("ca_file", "contains a certificate that cannot be read (expected PEM certificates)")
			return pool, span{}
		}
		pool.AddCert(cert)
		if !found || cert.NotBefore.Before(valid.begin) {
			valid.begin = cert.NotBefore
		}
		if found = true; cert.NotAfter.After(valid.end) {
			valid.end = cert.NotAfter
		}
	}
	if !found {
		t.Faultf("ca_file", "contains no certificate (expected PEM, -----BEGIN CERTIFICATE-----)")
	}
	return pool, valid
}

// parsePin parses the SHA-256 of a SubjectPublicKeyInfo, in hex or base64, with
// or without curl's prefix.
func parsePin(text string) (pin [sha256.Size]byte, err error) {
	text = strings.TrimPrefix(strings.TrimSpace(text), "sha256//")
	raw, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil {
		raw, err = base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
	}
	if err != nil || len(raw) != len(pin) {
		return pin, errors.New("is not a SHA-256 digest (expected 64 hex digits, or base64 with or without sha256//)")
	}
	return [sha256.Size]byte(raw), nil
}

// verifyPin checks the key of the leaf. It also runs for resumed sessions.
func verifyPin(pin [sha256.Size]byte) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) == 0 {
			return &PinError{}
		}
		leaf := state.PeerCertificates[0]
		if sha256.Sum256(leaf.RawSubjectPublicKeyInfo) != pin {
			return &PinError{shown: Pin(leaf)}
		}
		return nil
	}
}

// PinError means the key of the leaf is not the pinned one.
type PinError struct{ shown string }

func (e *PinError) Error() string {
	if e.shown == "" {
		return "the server presented no certificate"
	}
	return "the server's key is not the one in tls.pin_sha256; it shows " + e.shown + " (if the key was replaced on purpose, compare it on the server and set the new pin)"
}

// Pin returns a certificate's pin in curl's format.
func Pin(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return "sha256//" + base64.StdEncoding.EncodeToString(sum[:])
}

// isHost reports whether text may be the name or address in a certificate.
func isHost(text string) bool {
	if _, err := netip.ParseAddr(text); err == nil {
		return true
	}
	return hostName.MatchString(text)
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)
