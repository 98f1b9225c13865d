package exchange

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptrace"
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
	maxBody   int64
}

// ClientOptions say how a Client talks.
type ClientOptions struct {
	// TLS is the identity of the connection; nil for the system's defaults.
	TLS *tls.Config
	// OneShot switches connection reuse off, and with it the silent repetition
	// of net/http: for calls that must never be sent twice.
	OneShot bool
	// MaxBody is the most that is read of a body; 64 KiB when zero.
	MaxBody int64
}

// NewClient returns a client over the environment's transport.
func NewClient(env providers.Env, opt ClientOptions) *Client {
	c := &Client{
		transport: env.Transport(providers.TransportOptions{TLS: opt.TLS, OneShot: opt.OneShot}),
		maxBody:   opt.MaxBody,
	}
	if c.maxBody <= 0 {
		c.maxBody = defaultMaxBody
	}
	return c
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
	if ctx.Err() != nil {
		return nil, t.interrupted(ctx, false)
	}
	out := req.Clone(httptrace.WithClientTrace(ctx, t.trace()))
	if out.Header == nil {
		out.Header = http.Header{}
	}
	out.Header.Set("Cache-Control", "no-cache")
	out.Header.Set("User-Agent", "vigente")
	// RoundTrip instead of http.Client: no redirects, no cookies, no userinfo
	// turned into a header, and no error that repeats the URL.
	resp, err := c.transport.RoundTrip(out)
	if err != nil {
		return nil, t.requestFault(ctx, err)
	}
	defer resp.Body.Close()
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, ReceivedAt: time.Now()}
	body, err := io.ReadAll(io.LimitReader(resp.Body, c.maxBody+1))
	large := int64(len(body)) > c.maxBody
	a.Body = body[:min(int64(len(body)), c.maxBody)]
	a.Truncated = large || err != nil
	switch {
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
