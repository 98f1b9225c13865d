package daemon

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/vigented/vigente/providers"
)

// wires are the HTTP transports of one configuration, with what its kinds
// warned of. They are closed as one when another configuration takes over.
type wires struct {
	daemon *Daemon

	mu    sync.Mutex
	open  []*http.Transport
	lines []warning
}

type warning struct{ provider, message string }

func newWires(d *Daemon) *wires { return &wires{daemon: d} }

// transport makes the transports of one provider.
func (w *wires) transport(provider string) func(providers.TransportOptions) http.RoundTripper {
	return func(opt providers.TransportOptions) http.RoundTripper {
		if w.daemon.opt.Transport != nil {
			return clockWatch{w.daemon.opt.Transport(opt), w.daemon, provider}
		}
		t := &http.Transport{
			Proxy:                  opt.Proxy,
			OnProxyConnectResponse: proxyConnected,
			DialContext:            newDialer().DialContext,
			TLSClientConfig:        opt.TLS,
			TLSHandshakeTimeout:    10 * time.Second,
			DisableKeepAlives:      opt.OneShot,
			MaxIdleConnsPerHost:    32,
			IdleConnTimeout:        90 * time.Second,
			ExpectContinueTimeout:  time.Second,
			// Bodies are small; a decompressor is one more thing a hostile
			// answer could feed.
			DisableCompression: true,
			// So are headers, though net/http would read ten megabytes of them.
			MaxResponseHeaderBytes: 256 << 10,
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.open = append(w.open, t)
		return clockWatch{t, w.daemon, provider}
	}
}

// proxyConnected keeps the status of a proxy that does not connect us, of which
// net/http keeps the proxy's own text.
func proxyConnected(_ context.Context, _ *url.URL, _ *http.Request, resp *http.Response) error {
	if resp.StatusCode != http.StatusOK {
		return &providers.ProxyError{Status: resp.StatusCode}
	}
	return nil
}

func (w *wires) warn(provider, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, warning{provider, message})
}

func (w *wires) warnings() []warning {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lines
}

// close lets connections go that nobody uses; calls under way end in peace.
func (w *wires) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.open {
		t.CloseIdleConnections()
	}
}

// clockWatch reads the offset of a backend's clock off every answer.
type clockWatch struct {
	base     http.RoundTripper
	daemon   *Daemon
	provider string
}

// RoundTrip implements http.RoundTripper.
func (c clockWatch) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := c.base.RoundTrip(req)
	if err == nil && c.daemon.clocks != nil {
		c.daemon.clocks.note(c.provider, resp.Header)
	}
	if err != nil {
		return resp, err
	}
	if date, bad := http.ParseTime(resp.Header.Get("Date")); bad == nil {
		offset := time.Until(date)
		if c.daemon.metrics != nil {
			c.daemon.metrics.ObserveClock(c.provider, offset)
		}
		if c.daemon.warner != nil {
			c.daemon.warner.note(c.provider, offset)
		}
	}
	return resp, nil
}

// CloseIdleConnections lets http.Client pass the call on.
func (c clockWatch) CloseIdleConnections() {
	if t, ok := c.base.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}
