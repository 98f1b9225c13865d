package exchange

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/vigented/vigente/providers"

	"github.com/vigented/vigente/credential"
)

// defaultMaxBody is the default limit for a body. Token answers are far
// smaller; a larger answer does not come from the backend.
const defaultMaxBody = 64 << 10

// Client calls one backend. It is safe for concurrent use.
type Client struct {
	transport http.RoundTripper
	opt       ClientOptions
}

// ClientOptions configures a Client.
type ClientOptions struct {
	// TLS is the TLS configuration; nil means the system's defaults.
	TLS *tls.Config
	// Proxy returns the proxy for a request, or nil. If Proxy is nil, the
	// environment decides.
	Proxy func(*http.Request) (*url.URL, error)
	// OneShot disables connection reuse and thereby net/http's automatic
	// retries, for requests that must never be sent twice.
	OneShot bool
	// MaxBody is the size limit for a body; zero means 64 KiB.
	MaxBody int64
	// Beginning accepts the first MaxBody bytes of a longer body as the body.
	Beginning bool
	// OwnThrottling leaves the meaning of status 429 to the kind.
	OwnThrottling bool
}

// NewClient returns a client that uses the environment's transport.
func NewClient(env providers.Env, opt ClientOptions) *Client {
	if opt.MaxBody <= 0 {
		opt.MaxBody = defaultMaxBody
	}
	if opt.Proxy == nil {
		opt.Proxy = http.ProxyFromEnvironment
	}
	return &Client{env.Transport(providers.TransportOptions{TLS: opt.TLS, OneShot: opt.OneShot, Proxy: opt.Proxy}), opt}
}

// Do sends one request and reads the complete answer, within ctx. It follows no
// redirects, keeps no cookies, retries nothing and does not modify req.
//
// An error is always a *credential.Fault; its Lost means the request may have
// reached the backend. An answer with a status other than 2xx is not an error,
// even if its body could not be read completely: then Truncated is set, because
// the status is enough.
func (c *Client) Do(ctx context.Context, req *http.Request) (*Answer, error) {
	t := &trail{target: req.URL.Host}
	proxy, err := c.opt.Proxy(req)
	if err != nil {
		return nil, &credential.Fault{
			Reason:  credential.ReasonInternal, // the error quotes the value, which may contain a password
			Message: "connect to " + t.target + ": HTTP_PROXY or HTTPS_PROXY in the environment is not a valid URL (expected http://HOST:PORT)",
		}
	}
	if proxy != nil {
		t.proxy = proxy.Host
		if req.URL.Scheme == "http" && strings.HasPrefix(proxy.Scheme, "http") {
			t.answers = proxy.Host // it does not tunnel, but reads and writes http itself
		}
		t.target += " through the proxy " + proxy.Host
	}
	if ctx.Err() != nil {
		return nil, t.interrupted(ctx, false)
	}
	out := req.Clone(httptrace.WithClientTrace(ctx, t.trace()))
	if out.Header == nil {
		out.Header = http.Header{}
	}
	out.Header.Set("Cache-Control", "no-cache")
	out.Header.Set("User-Agent", "vigente")
	// Without the header a server may choose any coding (RFC 9110, 12.5.3), and
	// net/http would request gzip.
	out.Header.Set("Accept-Encoding", "identity")
	// RoundTrip instead of http.Client: no redirects, no cookies, no userinfo
	// turned into a header, and no error that quotes the URL.
	resp, err := c.transport.RoundTrip(out)
	if err != nil {
		return nil, t.requestFault(ctx, err)
	}
	defer resp.Body.Close()
	return c.read(ctx, t, resp)
}

// read reads a response to its end.
func (c *Client) read(ctx context.Context, t *trail, resp *http.Response) (*Answer, error) {
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, ReceivedAt: time.Now(), Proxy: t.answers}
	body, err := readBody(resp, c.opt.MaxBody)
	large := int64(len(body)) > c.opt.MaxBody
	a.Body = body[:min(int64(len(body)), c.opt.MaxBody)]
	a.Truncated = err != nil || large
	switch {
	case large && c.opt.Beginning:
		a.Truncated = false
		return a, nil
	case !a.Truncated, !a.OK():
		// A complete answer counts even if ctx has ended meanwhile: it may
		// contain the only valid token.
		return a, nil
	case large:
		return nil, &credential.Fault{
			Reason: credential.ReasonBadResponse, Lost: true,
			Message: "read the answer of " + t.target + ": larger than any answer of this backend (is the url right?)",
		}
	}
	return nil, t.bodyFault(ctx, err)
}
