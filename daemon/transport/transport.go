// Package transport creates the HTTP transports for providers, and measures the
// offset of a backend's clock with every answer.
package transport

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/vigented/vigente/internal/process"
	"github.com/vigented/vigente/providers"
)

// Lender provides what kinds of providers need to reach their backends.
type Lender struct {
	// Base creates the base transport; nil for the network.
	Base func(providers.TransportOptions) http.RoundTripper
	// Processes runs programs; may be nil.
	Processes *process.Runner
	// Observe is called with how far a backend's clock is ahead of ours; may be
	// nil. It must be safe for concurrent use.
	Observe func(provider string, offset time.Duration)
}

// Lend returns the environment of one provider, and a function that closes its
// idle connections; running calls are not affected.
func (l *Lender) Lend(provider string, location *time.Location) (env providers.Env, release func()) {
	open := &opened{}
	env = providers.Env{Location: location, Processes: l.Processes, Transport: func(opt providers.TransportOptions) http.RoundTripper {
		if l.Base != nil {
			return clockWatch{l.Base(opt), l.Observe, provider}
		}
		t := network(opt)
		open.add(t)
		return clockWatch{t, l.Observe, provider}
	}}
	return env, open.close
}

// opened holds the transports of one provider.
type opened struct {
	mu   sync.Mutex
	list []*http.Transport
}

func (o *opened) add(t *http.Transport) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, t)
}

func (o *opened) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, t := range o.list {
		t.CloseIdleConnections()
	}
}

func network(opt providers.TransportOptions) *http.Transport {
	return &http.Transport{
		Proxy:                  opt.Proxy,
		OnProxyConnectResponse: proxyConnected,
		DialContext:            newDialer().DialContext,
		TLSClientConfig:        opt.TLS,
		TLSHandshakeTimeout:    10 * time.Second,
		DisableKeepAlives:      opt.OneShot,
		// The scheduler limits the calls of a provider: there are never more
		// connections than its concurrency, and all of them are worth keeping.
		MaxIdleConnsPerHost:   1 << 16,
		IdleConnTimeout:       90 * time.Second,
		ExpectContinueTimeout: time.Second,
		// Bodies are small, and a decompressor would add attack surface.
		DisableCompression: true,
		// Headers are small too, but net/http would read ten megabytes of them.
		MaxResponseHeaderBytes: 256 << 10,
	}
}

// proxyConnected keeps the status of a proxy that refuses to connect us;
// net/http would keep the proxy's own text.
func proxyConnected(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return &providers.ProxyError{Status: resp.StatusCode}
	}
	return nil
}

// clockWatch measures the offset of a backend's clock with every answer.
type clockWatch struct {
	base     http.RoundTripper
	observe  func(provider string, offset time.Duration)
	provider string
}

// RoundTrip implements http.RoundTripper.
func (c clockWatch) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := c.base.RoundTrip(req)
	if err != nil || c.observe == nil {
		return resp, err
	}
	if date, bad := http.ParseTime(resp.Header.Get("Date")); bad == nil {
		c.observe(c.provider, offset(date, sent, time.Now()))
	}
	return resp, nil
}

// offset returns the minimum difference between a server's clock and ours. A
// Date has whole seconds, and the answer was created between the request and
// its arrival; if that is consistent, the clocks agree.
func offset(date, sent, received time.Time) time.Duration {
	if ahead := date.Sub(received); ahead > 0 {
		return ahead
	}
	return min(0, date.Add(time.Second).Sub(sent))
}

// CloseIdleConnections lets http.Client pass the call on.
func (c clockWatch) CloseIdleConnections() {
	if t, ok := c.base.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
