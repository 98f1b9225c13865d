package exchange

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"syscall"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/tlsconf"
)

// trail records how far one exchange got, to distinguish a request that was
// never sent from one that may have taken effect. net/http calls the hooks from
// several goroutines, some of them after the exchange has ended.
type trail struct {
	target string // host and port, the only part of a URL that messages show, and the proxy
	proxy  string // its host and port; empty without a proxy
	// answers is the proxy if an answer may be its own.
	answers string

	mu        sync.Mutex
	traced    bool // the transport calls the hooks at all
	handshake bool // TLS has begun
	connected bool // bytes of the request may have been sent from here on
	answering bool // the first byte of an answer arrived
	interim   int  // number of 1xx answers so far
}

// maxInterim is how many 1xx answers may precede the final one; net/http would
// read them as long as ctx allows.
const maxInterim = 16

var errInterim = errors.New("too many 1xx answers")

func (t *trail) trace() *httptrace.ClientTrace {
	mark := func(what *bool) { t.mu.Lock(); *what = true; t.mu.Unlock() }
	return &httptrace.ClientTrace{
		GetConn:              func(string) { mark(&t.traced) },
		TLSHandshakeStart:    func() { mark(&t.handshake) },
		GotConn:              func(httptrace.GotConnInfo) { mark(&t.connected) },
		GotFirstResponseByte: func() { mark(&t.answering) },
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			t.mu.Lock()
			defer t.mu.Unlock()
			if t.interim++; t.interim > maxInterim {
				return errInterim
			}
			return nil
		},
	}
}

// requestFault classifies an exchange that ended before the headers of an
// answer.
func (t *trail) requestFault(ctx context.Context, err error) *credential.Fault {
	t.mu.Lock()
	defer t.mu.Unlock()
	sent := t.connected || !t.traced && !neverSent(err)
	if ctx.Err() != nil {
		return t.interrupted(ctx, sent)
	}
	if f := t.tlsFault(err); f != nil {
		// A peer that refuses our certificate does not read the request, even if
		// TLS 1.3 let us send it already.
		f.Lost = sent && !refusedCertificate(err)
		return f
	}
	f := &credential.Fault{Reason: credential.ReasonNetwork, Lost: sent, Err: plainCause(err)}
	refused, ok := errors.AsType[*providers.ProxyError](err)
	switch {
	case ok:
		f.Message = "connect to " + t.target + ": " + proxyProblem(refused.Status)
	case timedOut(err) && sent:
		f.Reason = credential.ReasonTimeout
		f.Message = "call " + t.target + ": no answer in time; the request may have taken effect"
	case timedOut(err):
		f.Reason = credential.ReasonTimeout
		f.Message = "connect to " + t.target + ": no connection in time (is a firewall in the way?)"
	case !sent && t.proxy != "":
		f.Message = "connect to " + t.target + ": " + connectProblem(err) + "; the proxy comes from the key proxy, or from HTTPS_PROXY and HTTP_PROXY in the environment"
	case !sent:
		f.Message = "connect to " + t.target + ": " + connectProblem(err)
	case t.answering && !cut(err):
		f.Reason = credential.ReasonBadResponse
		f.Message = "call " + t.target + ": the answer is not valid HTTP (is the port right? should the url start with http or https?)"
	default:
		f.Message = "call " + t.target + ": the connection was cut before the answer; the request may have taken effect"
	}
	return f
}

// bodyFault classifies an answer with status 2xx whose body is incomplete.
func (t *trail) bodyFault(ctx context.Context, err error) *credential.Fault {
	f := &credential.Fault{Reason: credential.ReasonNetwork, Lost: true, Err: plainCause(err)}
	switch {
	case ctx.Err() != nil:
		return t.interrupted(ctx, true)
	case timedOut(err):
		f.Reason = credential.ReasonTimeout
		f.Message = "read the answer of " + t.target + ": not complete in time"
	case cut(err):
		f.Message = "read the answer of " + t.target + ": cut before its end"
	default:
		f.Reason = credential.ReasonBadResponse
		f.Message = "read the answer of " + t.target + ": " + decodeProblem(err)
	}
	return f
}

// interrupted returns the fault of an exchange that ended with ctx: its
// deadline is the configured timeout, cancellation means the daemon is
// stopping.
func (t *trail) interrupted(ctx context.Context, sent bool) *credential.Fault {
	f := &credential.Fault{Reason: credential.ReasonTimeout, Lost: sent, Err: ctx.Err()}
	switch {
	case !errors.Is(ctx.Err(), context.DeadlineExceeded):
		f.Reason = credential.ReasonCancelled
		f.Message = "call " + t.target + ": stopped by the daemon"
	case sent:
		f.Message = "call " + t.target + ": no complete answer within the timeout; the request may have taken effect"
	default:
		f.Message = "connect to " + t.target + ": no connection within the timeout (is a firewall in the way?)"
	}
	return f
}

// proxyProblem says why a proxy does not connect us.
func proxyProblem(status int) string {
	said := "the proxy answers " + statusName(status) + ": "
	switch status {
	case http.StatusProxyAuthRequired:
		return said + "it requires a login (add it to the URL in HTTPS_PROXY or in the key proxy)"
	case http.StatusForbidden, http.StatusUnauthorized, http.StatusMethodNotAllowed:
		return said + "it does not let us connect to this host and port (ask its owner to allow it, or set proxy = \"none\" if the host can be reached directly)"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return said + "it cannot reach the backend (is the host in the url right? can the proxy resolve it?)"
	}
	return said + "it does not open a tunnel (is it a proxy? is the port right?)"
}

// neverSent reports whether err can only occur before the first byte of a
// request, for a transport that calls no hooks.
func neverSent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && (op.Op == "dial" || op.Op == "proxyconnect") {
		return true
	}
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*providers.ProxyError](err); ok {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	_, ok := errors.AsType[*tlsconf.PinError](err)
	return ok
}

func timedOut(err error) bool {
	ne, ok := errors.AsType[net.Error](err)
	return ok && ne.Timeout()
}

// cut reports whether the connection was closed instead of answering.
func cut(err error) bool {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
		return true
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}

// connectProblem says what prevented a connection.
func connectProblem(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		if dns.IsNotFound {
			return "unknown host (is the host in the url right?)"
		}
		return "the host name could not be resolved (is DNS working on this machine?)"
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused (is the server up, and the port right?)"
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to the host (is the network up?)"
	case errors.Is(err, syscall.ECONNRESET), cut(err):
		return "the connection was closed immediately (is the port right? should the url start with http or https?)"
	}
	return "no connection"
}

// plainCause keeps causes that contain nothing written by a peer.
func plainCause(err error) error {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno
	}
	for _, known := range []error{io.ErrUnexpectedEOF, io.EOF} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}
