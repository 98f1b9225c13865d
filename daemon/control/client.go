package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
)

// UnreachableError says that no daemon answers at a socket.
type UnreachableError struct {
	Path string
	Err  error
}

// Error tells what to check.
func (e *UnreachableError) Error() string {
	switch {
	case errors.Is(e.Err, fs.ErrPermission):
		return "the control socket " + e.Path + " is closed to this user (use sudo, or become a member of its group)"
	case errors.Is(e.Err, fs.ErrNotExist):
		return "no daemon is running: there is no control socket at " + e.Path + " (start it; if it is running, it was started with another configuration: pass that one with --config, or restore daemon.control_socket)"
	case errors.Is(e.Err, syscall.ECONNREFUSED):
		return "no daemon is running: nothing listens on the control socket " + e.Path + " (start it; its log tells why it stopped)"
	case errors.Is(e.Err, errSilent):
		return "the daemon did not answer at " + e.Path + " within " + requestTimeout.String() + " (is it stopped, or is another program listening there? see its log)"
	}
	return "the daemon does not answer at " + e.Path + " (see its log)"
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Err }

// longestAddress limits the query in the URL of a request.
const longestAddress = 4 << 10

// requestTimeout limits a request that is answered at once.
const requestTimeout = 15 * time.Second

// Client talks to a running daemon. Its errors are *UnreachableError, *Problem or
// the error of the context.
type Client struct {
	path string
	http *http.Client
}

// NewClient returns a client of the socket at path. It does not connect yet.
func NewClient(path string) *Client {
	return &Client{path: path, http: &http.Client{Transport: &http.Transport{
		DialContext:       func(context.Context, string, string) (net.Conn, error) { return dial(path) },
		DisableKeepAlives: true,
	}}}
}

// Select returns what a query selects.
func (c *Client) Select(ctx context.Context, q engine.Query) (s Snapshot, err error) {
	ctx, cancel := brief(ctx)
	defer cancel()
	if address := encode(q); len(address) <= longestAddress {
		return s, c.ask(ctx, http.MethodGet, pathView+"?"+address, nil, &s)
	}
	return s, c.ask(ctx, http.MethodPost, pathView, q, &s)
}

// Wait returns when everything selected is valid and delivered. A daemon with many
// waiting clients may close a connection; Wait then asks again.
func (c *Client) Wait(ctx context.Context, s Selection) error {
	for {
		err := c.ask(ctx, http.MethodPost, pathWait, s, nil)
		if _, lost := errors.AsType[*UnreachableError](err); !lost || !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
			return err
		}
		again := time.NewTimer(waitAgain)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return context.Cause(ctx)
		}
	}
}

// waitAgain is the pause before waiting clients ask again.
const waitAgain = time.Second

// Reload makes the daemon reload its configuration. If the old one was kept, it
// returns a *Problem with one reason per line.
func (c *Client) Reload(ctx context.Context, opt ReloadOptions) (done Reloaded, err error) {
	err = c.ask(ctx, http.MethodPost, pathReload, opt, &done)
	return done, err
}

// Pause pauses the selected credentials for that long; zero means until Resume.
func (c *Client) Pause(ctx context.Context, s Selection, length time.Duration) (p Paused, err error) {
	err = c.ask(ctx, http.MethodPost, pathPause, pauseRequest{s, length}, &p)
	return p, err
}

// Resume ends pauses.
func (c *Client) Resume(ctx context.Context, s Selection) (p Paused, err error) {
	err = c.ask(ctx, http.MethodPost, pathResume, s, &p)
	return p, err
}

// Forget deletes the records of removed credentials.
func (c *Client) Forget(ctx context.Context, names []string) error {
	return c.ask(ctx, http.MethodPost, pathForget, Selection{Names: names}, nil)
}

// Plan returns what a reload would do with this configuration.
func (c *Client) Plan(ctx context.Context, sources []Source) (d Difference, err error) {
	err = c.ask(ctx, http.MethodPost, pathPlan, planRequest{sources}, &d)
	return d, err
}

// Show returns a value.
func (c *Client) Show(ctx context.Context, name, field string) (credential.Secret, error) {
	return c.value(ctx, pathShow, showRequest{name, field})
}

// Fields returns the names of the fields of a credential.
func (c *Client) Fields(ctx context.Context, name string) (fields []string, err error) {
	ctx, cancel := brief(ctx)
	defer cancel()
	err = c.ask(ctx, http.MethodPost, pathFields, showRequest{Name: name}, &fields)
	return fields, err
}

// Sign returns the Authorization header for a request.
func (c *Client) Sign(ctx context.Context, name, method, url string, form map[string][]string) (credential.Secret, error) {
	return c.value(ctx, pathSign, signRequest{name, method, url, form})
}

func (c *Client) value(ctx context.Context, path string, request any) (credential.Secret, error) {
	ctx, cancel := brief(ctx)
	defer cancel()
	var v valueAnswer
	err := c.ask(ctx, http.MethodPost, path, request, &v)
	return credential.NewSecret(v.Value), err
}

// Progress receives the progress of renewals: their number once, then what they
// wait for, and each result.
type Progress interface {
	Begin(total int)
	Waiting(Waiting)
	End(engine.RenewResult)
}

// Renew renews the selected credentials, and returns when each has succeeded or
// failed.
func (c *Client) Renew(ctx context.Context, s Selection, opt RenewOptions, progress Progress) error {
	body, err := c.send(ctx, http.MethodPost, pathRenew, renewRequest{s, opt})
	if err != nil {
		return err
	}
	defer body.Close()
	for lines := json.NewDecoder(body); ; {
		var line renewLine
		switch err := lines.Decode(&line); {
		case err != nil:
			return c.lost(ctx, err)
		case line.Total != nil:
			progress.Begin(*line.Total)
		case line.Waiting != nil:
			progress.Waiting(*line.Waiting)
		case line.End != nil:
			progress.End(*line.End)
		case line.Problem != nil:
			return line.Problem
		case line.Over:
			return nil
		}
	}
}

// ask sends a request and decodes its answer.
func (c *Client) ask(ctx context.Context, method, path string, request, document any) error {
	body, err := c.send(ctx, method, path, request)
	if err != nil {
		return err
	}
	defer body.Close()
	if document == nil {
		return nil
	}
	if err := json.NewDecoder(body).Decode(document); err != nil {
		return c.lost(ctx, err)
	}
	return nil
}

// send returns the body of a successful answer.
func (c *Client) send(ctx context.Context, method, path string, request any) (io.ReadCloser, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("encode the request: %w", err)
	}
	r, err := http.NewRequestWithContext(ctx, method, "http://vigente"+path, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("create the request: %w", err)
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.lost(ctx, err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	problem := &Problem{}
	if err := json.NewDecoder(answer.Body).Decode(problem); err != nil || problem.Message == "" {
		// Another version of the daemon, or another program.
		return nil, &UnreachableError{c.path, fmt.Errorf("unexpected answer with status %d", answer.StatusCode)}
	}
	return nil, problem
}

// errSilent is the cause of a request that was not answered in time.
var errSilent = errors.New("no answer in time")

// brief limits a request that is answered at once.
func brief(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, requestTimeout, errSilent)
}

// lost distinguishes the end of the context from that of the daemon.
func (c *Client) lost(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		if errors.Is(context.Cause(ctx), errSilent) {
			return &UnreachableError{c.path, errSilent}
		}
		return context.Cause(ctx)
	}
	return &UnreachableError{c.path, err}
}
