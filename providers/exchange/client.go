package exchange

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"time"

	"github.com/vigented/vigente/providers"

	"github.com/vigented/vigente/credential"
)

// defaultMaxBody is how much of a body is read unless told otherwise. Every
// answer with a token is far smaller; a larger one is not the backend.
const defaultMaxBody = 64 << 10

// Client makes exchanges with one backend. It is safe for concurrent use.
type Client struct {
	transport http.RoundTripper
	opt       ClientOptions
}

// ClientOptions say how a Client talks.
type ClientOptions struct {
	// TLS is the identity of the connection; nil for the system's defaults.
	TLS *tls.Config
	// Proxy returns the proxy of a request, nil for none; the environment decides
	// where it is not set.
	Proxy func(*http.Request) (*url.URL, error)
	// OneShot switches connection reuse off, and with it the silent repetition
	// of net/http: for calls that must never be sent twice.
	OneShot bool
	// MaxBody is the most that is read of a body; 64 KiB when zero.
	MaxBody int64
	// Beginning takes the first MaxBody bytes of a longer body for the whole.
	Beginning bool
	// OwnThrottling leaves it to the kind what an answer of status 429 means.
	OwnThrottling bool
}

// NewClient returns a client over the environment's transport.
func NewClient(env providers.Env, opt ClientOptions) *Client {
	if opt.MaxBody <= 0 {
		opt.MaxBody = defaultMaxBody
	}
	if opt.Proxy == nil {
		opt.Proxy = http.ProxyFromEnvironment
	}
	return &Client{env.Transport(providers.TransportOptions{TLS: opt.TLS, OneShot: opt.OneShot, Proxy: opt.Proxy}), opt}
}

// Do makes one exchange and reads the whole answer, within ctx. It follows no
// redirect, keeps no cookie, repeats nothing and leaves req as it was.
//
// An error is always a *credential.Fault; its Lost says that the request may
// have reached the backend. An answer whose status is not 2xx is no error,
// even when its body could not be read to the end: then Truncated is set, for
// the status says enough.
func (c *Client) Do(ctx context.Context, req *http.Request) (*Answer, error) {
	t := &trail{target: req.URL.Host}
	proxy, err := c.opt.Proxy(req)
	if err != nil {
		return nil, &credential.Fault{
			Reason:  credential.ReasonInternal, // the error repeats the value, which may hold a password
			Message: "connect to " + t.target + ": HTTP_PROXY or HTTPS_PROXY in the environment is not a valid URL (expected http://HOST:PORT)",
		}
	}
	if proxy != nil {
		t.proxy = proxy.Host
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
	// Without it a server may choose any coding (RFC 9110, 12.5.3), and net/http
	// would ask for gzip by itself.
	out.Header.Set("Accept-Encoding", "identity")
	// RoundTrip instead of http.Client: no redirects, no cookies, no userinfo
	// turned into a header, and no error that repeats the URL.
	resp, err := c.transport.RoundTrip(out)
	if err != nil {
		return nil, t.requestFault(ctx, err)
	}
	defer resp.Body.Close()
	return c.read(ctx, t, resp)
}

// read reads a response to its end.
func (c *Client) read(ctx context.Context, t *trail, resp *http.Response) (*Answer, error) {
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, ReceivedAt: time.Now(), Proxy: t.proxy}
	body, err := readBody(resp, c.opt.MaxBody)
	large := int64(len(body)) > c.opt.MaxBody
	a.Body = body[:min(int64(len(body)), c.opt.MaxBody)]
	a.Truncated = err != nil || large
	switch {
	case large && c.opt.Beginning:
		a.Truncated = false
		return a, nil
	case !a.Truncated, !a.OK():
		// A whole answer counts even when ctx has ended meanwhile: it may hold
		// the only token that works.
		return a, nil
	case large:
		return nil, &credential.Fault{
			Reason: credential.ReasonBadResponse, Lost: true,
			Message: "read the answer of " + t.target + ": larger than an answer of this backend can be (is the url right?)",
		}
	}
	return nil, t.bodyFault(ctx, err)
}
