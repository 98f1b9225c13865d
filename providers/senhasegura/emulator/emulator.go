// Package emulator emulates the A2A service of senhasegura, with its faults.
//
// It is written from the vendor's documents, from RFC 5849 and from the answers
// of the OAuth library that the service is built on, and shares no code with
// the client. It is an http.Handler, keeps everything in memory, opens nothing,
// and is safe for concurrent use. What the documents leave open is a setting;
// faults are set for the next requests, or selected by a request. It counts
// what a client must never do: read a password, take custody of a credential,
// or fetch an application's secrets.
package emulator

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// Server is one emulated vault.
type Server struct {
	now    func() time.Time
	signer func() *emulation.Signer

	mu       sync.Mutex
	settings Settings
	faults   emulation.Switches
	tokens   map[string]issued
	nonces   map[string]bool
	custody  map[string]bool
	counts   Counts
}

// issued is one access token in force.
type issued struct {
	clientID  string
	expiresAt time.Time
}

// Counts are the calls so far.
type Counts struct {
	TokenRequests   int // POST to a token endpoint, whatever the outcome
	TokensIssued    int
	Requests        int // every request
	Resources       int // resource calls that passed authentication
	OAuth1Accepted  int
	OAuth1Refused   int
	PasswordReads   int // a password left the vault
	Custody         int // the application took custody of a credential
	SecretReads     int // GET of the application with all its secrets
	BothAuthMethods int // token requests with a Basic header and a body secret (RFC 6749 forbids it)
	SecretsInQuery  int // requests with a secret in the URI
}

// Forbidden returns how many calls were made that no renewal may make.
func (c Counts) Forbidden() int { return c.PasswordReads + c.Custody + c.SecretReads }

// New returns a vault with these settings. A nil now means time.Now.
func New(settings Settings, now func() time.Time) *Server {
	if now == nil {
		now = time.Now
	}
	return &Server{
		now:      now,
		signer:   sync.OnceValue(emulation.NewSigner),
		settings: settings.clone(),
		tokens:   map[string]issued{},
		nonces:   map[string]bool{},
		custody:  map[string]bool{},
	}
}

// Configure changes the settings while requests are served.
func (s *Server) Configure(change func(*Settings)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.settings.clone()
	change(&next)
	s.settings = next
}

// Counts returns the calls so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// exchange is one request, with the time and settings that apply to it.
type exchange struct {
	*Server
	w    http.ResponseWriter
	r    *http.Request
	body []byte
	set  Settings
	at   time.Time
	// fault is the fault that this request meets, or empty.
	fault string
	path  string
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := emulation.Body(r)
	fault, path := emulation.OfRequest(r)
	x := &exchange{Server: s, w: w, r: r, body: body, path: path}

	s.mu.Lock()
	x.set, x.at = s.settings, s.now()
	s.counts.Requests++
	if x.isToken() && r.Method == http.MethodPost {
		s.counts.TokenRequests++
	}
	if q := r.URL.RawQuery; strings.Contains(q, "client_secret") || strings.Contains(q, "consumer_secret") || strings.Contains(q, "token_secret") {
		s.counts.SecretsInQuery++
	}
	x.fault = fault
	if fault == "" {
		x.fault = s.faults.Take(faults.Names)
	}
	s.mu.Unlock()

	w.Header().Set("Date", x.at.Add(x.clockOffset()).UTC().Format(http.TimeFormat))
	if !emulation.Wait(r, x.set.Latency) {
		return
	}
	if x.set.RequireClientCertificate && (r.TLS == nil || len(r.TLS.PeerCertificates) == 0) {
		x.kong(http.StatusBadRequest, "No required SSL certificate was sent")
		return
	}
	if x.fault == "slow" && !emulation.Wait(r, 2*time.Second) {
		return
	}
	if faults.Answer(w, x.fault, x) {
		return
	}
	x.route()
}

func (x *exchange) isToken() bool {
	return slices.Contains([]string{"/iso/oauth2/token", "/api/oauth2/token"}, x.path)
}

func (x *exchange) route() {
	if x.isToken() {
		x.token()
		return
	}
	for _, route := range resources {
		if id, ok := route.match(x.r.Method, x.path); ok {
			x.resource(route, id)
			return
		}
	}
	x.kongNoRoute()
}

// update changes the server's state.
func (x *exchange) update(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
}
