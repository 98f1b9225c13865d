package exchange

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/tlsconf"
)

// tlsFault returns the fault, with its fix, if the peer was not trusted or did
// not trust us. It returns nil if err is something else. The caller sets Lost.
func (t *trail) tlsFault(err error) *credential.Fault {
	what := tlsProblem(err)
	if what == "" {
		return nil
	}
	return &credential.Fault{Reason: credential.ReasonTLS, Message: "TLS handshake with " + t.target + ": " + what}
}

func tlsProblem(err error) string {
	if pin, ok := errors.AsType[*tlsconf.PinError](err); ok {
		return pin.Error()
	}
	if v, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return certificateProblem(v)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "remote error" {
		return alertProblem(alertName(op.Err))
	}
	if rec, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		if string(rec.RecordHeader[:]) == "HTTP/" {
			return "the server speaks plain http on this port (is it http:// or another port?)"
		}
		return "the server does not speak TLS on this port (is the port right?)"
	}
	local, ok := errors.AsType[*net.OpError](err)
	if ok = ok && local.Op == "local error"; ok || strings.HasPrefix(err.Error(), "tls: ") {
		return handshakeProblem(err.Error())
	}
	return ""
}

// handshakeProblems maps parts of crypto/tls's error texts, which are not
// quoted, to our messages. The first match counts.
var handshakeProblems = [...]struct{ part, problem string }{
	{"keys are insecure", "the server's RSA key has fewer than 1024 bits, which Go refuses (give the server a larger key; until then start vigente with GODEBUG=rsa1024min=0)"},
	{"no renegotiation", "the server asks for renegotiation, usually to request our certificate (set tls.renegotiation = true, along with tls.certificate)"},
	{"negative serial number", "the server's certificate cannot be read: its serial number is negative (replace it there; until then start vigente with GODEBUG=x509negativeserial=1)"},
	{"failed to parse certificate", "the server's certificate cannot be read: it is not a well-formed X.509 certificate (replace it there)"},
	{"unsupported protocol version", "the server speaks only TLS 1.1 or older (it must offer TLS 1.2 or newer)"},
	{"unconfigured cipher suite", "the server chose a cipher that was not offered (it must offer TLS 1.2 or newer with a cipher of ECDHE)"},
	{"unsupported certificate", "the server's certificate has a key of a kind that TLS does not use (it needs an RSA or ECDSA key)"},
	{"unsupported signature algorithm", "the server signs the handshake in a way that is no longer safe, such as SHA-1 (update the server)"},
	{"server sent certificate containing RSA key larger", "the server's RSA key has more than 8192 bits, which Go refuses (give the server a smaller key)"},
}

func handshakeProblem(text string) string {
	for _, t := range handshakeProblems {
		if strings.Contains(text, t.part) {
			return t.problem
		}
	}
	return "the server violates the protocol (does a proxy or a firewall intercept TLS?)"
}

func certificateProblem(v *tls.CertificateVerificationError) string {
	if name, ok := errors.AsType[x509.HostnameError](v.Err); ok {
		if c := name.Certificate; c != nil && len(c.DNSNames)+len(c.IPAddresses) == 0 {
			return "the server's certificate has the host name only in its Common Name, which is no longer supported (ask its owner for one with a Subject Alternative Name; until then set tls.pin_sha256, in place of ca_file, to " +
				tlsconf.Pin(c) + ", after comparing it on the server)"
		}
		return "the server's certificate is for another name (set tls.server_name to the name in the certificate, or tls.pin_sha256)"
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](v.Err); ok {
		if invalid.Reason == x509.Expired {
			return "the server's certificate has expired or is not valid yet (renew it there, or check the clock here)"
		}
		return "the server's certificate is not valid for a server (replace it there, or set tls.pin_sha256)"
	}
	if _, ok := errors.AsType[x509.InsecureAlgorithmError](v.Err); ok {
		return "the server's certificate is signed with MD5 or SHA-1, which is no longer supported (replace it there; until then set tls.pin_sha256)"
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](v.Err); !ok {
		return "the server's certificate could not be verified (set tls.ca_file to its authority, or tls.pin_sha256)"
	}
	fix := "set tls.ca_file to that authority, or tls.pin_sha256 to the server's key"
	if len(v.UnverifiedCertificates) > 0 {
		fix += "; the server's key has " + tlsconf.Pin(v.UnverifiedCertificates[0]) + "; compare it on the server before you trust it"
	}
	return "the server's certificate is signed by an authority unknown to this machine (" + fix + ")"
}

// certificateAlerts lists crypto/tls's names of the alerts with which a server
// refuses our certificate, or our lack of one.
var certificateAlerts = [...]string{
	"certificate required", "bad certificate", "unsupported certificate", "revoked certificate", "expired certificate",
	"unknown certificate", "unknown certificate authority", "access denied",
}

// refusedCertificate reports whether err is such an alert.
func refusedCertificate(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" && slices.Contains(certificateAlerts[:], alertName(op.Err))
}

func alertName(err error) string { return strings.TrimPrefix(err.Error(), "tls: ") }

// alertProblem describes the alert with which the peer ended the connection.
// Only known alert names are quoted.
func alertProblem(alert string) string {
	switch {
	case slices.Contains(certificateAlerts[:], alert):
		return "the server refused our certificate: " + alert + " (see tls.certificate)"
	case alert == "protocol version not supported":
		return "the server refused the handshake: " + alert + " (it must offer TLS 1.2 or newer)"
	case alert == "handshake failure", alert == "insufficient security level":
		return "the server refused the handshake: " + alert + " (it may support no cipher with forward secrecy: ask its owner to allow ECDHE, until then start vigente with " +
			"GODEBUG=tlsrsakex=1; or it requires tls.certificate)"
	case alert == "unrecognized name":
		return "the server does not recognize the host name it was called by (set tls.server_name)"
	}
	return "the server refused the TLS connection (is the url right? does it require tls.certificate?)"
}
