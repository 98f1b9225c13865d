package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/vigented/vigente/credential"
)

// landing receives the browser's redirect after a login. A nil landing does not
// listen.
type landing struct {
	address string
	server  *http.Server
	came    chan visit
	state   chan string
}

// visit is one redirect of the browser.
type visit struct {
	address credential.Secret
	answer  func(error)
}

// listenForBrowser listens on an address of this machine, or on a free port if it
// is empty. It returns nil if the address belongs to another machine.
func listenForBrowser(address string) (*landing, error) {
	host := "127.0.0.1:0"
	path := "/"
	if address != "" {
		u, err := url.Parse(address)
		if err != nil {
			return nil, fmt.Errorf("read the redirect address: %w", err)
		}
		if u.Scheme != "http" || !loopback(u.Hostname()) {
			return nil, nil
		}
		host = net.JoinHostPort(u.Hostname(), u.Port())
		path = u.EscapedPath()
	}
	ln, err := net.Listen("tcp", host)
	if err != nil {
		return nil, fmt.Errorf("listen for the browser at %s: %w", host, err)
	}
	if address == "" {
		address = "http://" + ln.Addr().String() + "/"
	}
	l := &landing{address: address, came: make(chan visit), state: make(chan string, 1)}
	l.server = &http.Server{Handler: l.handler(path), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = l.server.Serve(ln) }()
	return l, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (l *landing) listens() bool { return l != nil }

func (l *landing) close() {
	if l == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = l.server.Shutdown(ctx) // let the answer reach the browser
}

// visits returns the channel of redirects with that state.
func (l *landing) visits(state string) <-chan visit {
	if l == nil {
		return nil
	}
	l.state <- state
	return l.came
}

// handler accepts the one request that answers the login.
func (l *landing) handler(path string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path == "" {
			path = "/"
		}
		state := ""
		select {
		case state = <-l.state:
			l.state <- state
		case <-time.After(time.Second):
		}
		if r.Method != http.MethodGet || r.URL.EscapedPath() != path || state == "" || r.URL.Query().Get("state") != state {
			http.Error(w, "this page only answers the login that vigente waits for", http.StatusNotFound)
			return
		}
		done := make(chan error, 1)
		select {
		case l.came <- visit{credential.NewSecret("http://" + r.Host + r.URL.String()), func(err error) { done <- err }}:
		case <-r.Context().Done():
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		select {
		case err := <-done:
			if err != nil {
				_, _ = w.Write([]byte("The login failed: the terminal says why.\n"))
				return
			}
			_, _ = w.Write([]byte("Logged in. You may close this page.\n"))
		case <-r.Context().Done():
		}
	})
}
