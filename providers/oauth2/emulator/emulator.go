// Package emulator emulates a strict OAuth 2.0 authorization server, with its
// faults.
//
// It is written from the standards (RFC 6749, 7521, 7523, 7636, 8628, 8693, 8705,
// 9207) and shares no code with the client. A refresh token works once: using it
// again is counted and revokes its whole family, as the best current practice
// (RFC 9700) recommends. Every client authentication is verified, including
// certificates. A person logs in on a page of the server, by code or by device.
// It is an http.Handler, keeps everything in memory, opens nothing, and is safe
// for concurrent use.
package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// Server is one emulated authorization server.
type Server struct {
	now    func() time.Time
	signer func() *emulation.Signer

	mu       sync.Mutex
	settings Settings
	faults   emulation.Switches
	counts   Counts
	access   map[string]*grant // by access token
	refresh  map[string]*link  // by refresh token
	codes    map[string]*code
	devices  map[string]*device // by device code
	jtis     map[string]bool
}

// Counts are the calls so far.
type Counts struct {
	Requests      int // every request
	TokenRequests int // POST to the token endpoint, whatever the outcome
	TokensIssued  int
	Refreshes     int // refresh tokens that were accepted
	Reused        int // refresh tokens used again after they were spent
	Revoked       int // families revoked for that
	WrongClients  int // requests whose client was not authenticated
	Codes         int // codes that were exchanged
	Polls         int // of a device
	BothWays      int // requests that authenticated the client in two ways (RFC 6749 forbids it)
	SecretsInURI  int // requests with a secret in the URI
}

// grant is what a person or a client allowed.
type grant struct {
	client, user, scope string
	revoked             bool
	expiresAt           time.Time // of one access token
}

// link is one refresh token of a family.
type link struct {
	*grant
	spentAt   time.Time
	expiresAt time.Time
}

// New returns a server with these settings. A nil now means time.Now.
func New(settings Settings, now func() time.Time) *Server {
	if now == nil {
		now = time.Now
	}
	return &Server{
		now: now, signer: sync.OnceValue(emulation.NewSigner), settings: settings,
		access: map[string]*grant{}, refresh: map[string]*link{}, codes: map[string]*code{}, devices: map[string]*device{},
		jtis: map[string]bool{},
	}
}

// Configure changes the settings while requests are served.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.settings)
}

// Counts returns the calls so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Active reports whether an access token is in force.
func (s *Server) Active(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.access[token]
	return g != nil && !g.revoked && s.now().Before(g.expiresAt)
}

// Seed makes a refresh token as a login would, for a program that already has
// one.
func (s *Server) Seed(client, scope string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.newRefresh(&grant{client: client, user: "somebody", scope: scope}, s.now())
}

// Plant makes a given refresh token work once.
func (s *Server) Plant(token, client, scope string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refresh[token] = &link{grant: &grant{client: client, user: "somebody", scope: scope}}
}

// exchange is one request, with the time and settings that apply to it. Code
// that needs the lock runs inside one.
type exchange struct {
	*Server
	w     http.ResponseWriter
	r     *http.Request
	body  []byte
	form  url.Values
	at    time.Time
	fault string
	path  string
	set   Settings
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := emulation.Body(r)
	x := &exchange{Server: s, w: w, r: r, body: body}
	x.fault, x.path = emulation.OfRequest(r)
	s.mu.Lock()
	x.set, x.at = s.settings, s.now().Add(s.settings.ClockOffset)
	s.counts.Requests++
	if x.is("token") {
		s.counts.TokenRequests++
		if x.fault == "" {
			x.fault = s.faults.Take(faults().Names)
		}
	}
	if x.set.Send != "query" && holdsSecret(r.URL.Query()) {
		s.counts.SecretsInURI++
	}
	s.mu.Unlock()

	x.at = x.at.Add(map[string]time.Duration{"clock-ahead": time.Hour, "clock-behind": -time.Hour}[x.fault])
	w.Header().Set("Date", x.at.UTC().Format(http.TimeFormat))
	w.Header().Set("Cache-Control", "no-store")
	if !emulation.Wait(r, x.set.Latency) {
		return
	}
	switch {
	case x.is("token"):
		x.token()
	case x.is("authorize"):
		x.authorize()
	case x.is("device"):
		x.deviceAuthorization()
	case strings.HasSuffix(x.path, "/activate"):
		x.activate()
	case strings.HasSuffix(x.path, "/introspect"):
		x.introspect()
	default:
		http.NotFound(w, r)
	}
}

// is reports whether the request is for an endpoint, known by the last element of
// its path: the rest differs between services.
func (x *exchange) is(endpoint string) bool {
	last := path.Base(x.path)
	switch endpoint {
	case "token":
		return x.r.Method == http.MethodPost && (last == "token" || last == "authenticate")
	case "authorize":
		return last == "authorize" || last == "authorization" || last == "auth"
	}
	return last == "device" || last == "device_authorization"
}

func holdsSecret(query url.Values) bool {
	for _, name := range []string{"client_secret", "password", "refresh_token", "client_assertion", "assertion"} {
		if query.Has(name) {
			return true
		}
	}
	return false
}

// locked runs change with the lock held.
func (x *exchange) locked(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
}

// json answers with a document, with the server's names for the members.
func (x *exchange) json(status int, members map[string]any) {
	named := map[string]any{}
	for name, value := range members {
		named[x.set.name(name)] = value
	}
	text, err := json.Marshal(named)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	contentType := "application/json;charset=UTF-8"
	if x.fault == "text-plain" {
		contentType = "text/plain"
	}
	emulation.Write(x.w, status, contentType, string(text))
}

// refuse answers with an error of RFC 6749.
func (x *exchange) refuse(status int, code string) {
	if status == http.StatusUnauthorized {
		x.w.Header().Set("WWW-Authenticate", `Basic realm="emulator"`)
	}
	x.json(status, map[string]any{"error": code, "error_description": "refused by the emulator"})
}

// introspect tells anybody whether a token is in force (RFC 7662).
func (x *exchange) introspect() {
	form, _ := url.ParseQuery(string(x.body))
	x.json(http.StatusOK, map[string]any{"active": x.Active(form.Get("token"))})
}
