// Package emulator emulates the login and the gateway of Serpro's API Integra
// Contador, with their faults.
//
// It is written from the vendor's pages and from W3C XML Signature, shares no
// code with the client, and checks a Termo with its own canonicalisation. It is
// an http.Handler, keeps everything in memory, opens nothing, and is safe for
// concurrent use. What the pages leave open is a setting; faults are set for the
// next requests, or selected by a request.
package emulator

import (
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// Server is one emulated service.
type Server struct {
	now func() time.Time

	mu       sync.Mutex
	settings Settings
	faults   emulation.Switches
	sessions map[string]*session // by access token
	living   map[string]*session // by consumer key: the latest one
	tokens   map[string]*procurador
	cache    map[string]*procurador
	counts   Counts
	seen     map[string]int // posted documents, by hash
}

// session is one pair.
type session struct {
	key         Key
	contratante string
	access, jwt string
	expiresAt   time.Time
}

// procurador is one procurador token.
type procurador struct {
	token               string
	contratante, author string
	expiresAt           time.Time
}

// Counts are the calls so far.
type Counts struct {
	Requests     int // every request
	Logins       int // POST to /authenticate, whatever the outcome
	Sessions     int // new pairs
	Apoiar       int // POST to /Apoiar, whatever the outcome
	Tokens       int // new procurador tokens: answers 200
	Repeated     int // answers 304
	Refused      int // posted documents that were refused
	Documents    int // different documents that were posted
	Unauthorized int // calls refused for their session
}

// New returns a service with these settings. A nil now means time.Now.
func New(settings Settings, now func() time.Time) *Server {
	if now == nil {
		now = time.Now
	}
	return &Server{
		now: now, settings: settings,
		sessions: map[string]*session{}, living: map[string]*session{},
		tokens: map[string]*procurador{}, cache: map[string]*procurador{}, seen: map[string]int{},
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
	c := s.counts
	c.Documents = len(s.seen)
	return c
}

// EndSessions ends every session, as a restart of the gateway does.
func (s *Server) EndSessions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.sessions)
	clear(s.living)
}

// exchange is one request, with the time and settings that apply to it.
type exchange struct {
	*Server
	w     http.ResponseWriter
	r     *http.Request
	body  []byte
	set   Settings
	at    time.Time // on the service's clock
	fault string
	path  string
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := emulation.Body(r)
	fault, path := emulation.OfRequest(r)
	x := &exchange{Server: s, w: w, r: r, body: body, path: path}

	s.mu.Lock()
	x.set = s.settings
	s.counts.Requests++
	op := x.operation()
	if r.Method == http.MethodPost {
		switch op {
		case atLogin:
			s.counts.Logins++
		case atApoiar:
			s.counts.Apoiar++
		default:
		}
	}
	x.fault = fault
	if fault == "" {
		x.fault = s.faults.Take(faultsAt(op).Names)
	}
	x.at = s.now().Add(x.clockOffset())
	s.mu.Unlock()

	w.Header().Set("Date", x.at.UTC().Format(http.TimeFormat))
	if !emulation.Wait(r, x.set.Latency) {
		return
	}
	if x.fault == "slow" && !emulation.Wait(r, 2*time.Second) {
		return
	}
	if faults().Answer(w, x.fault, x) {
		return
	}
	switch op {
	case atLogin:
		x.login()
	case atApoiar:
		x.apoiar()
	case atUse:
		x.use()
	default:
		x.gateway(http.StatusNotFound, "404", "Runtime Error", "No matching resource found for given API Request")
	}
}

// operation is what a path addresses.
type operation int

const (
	nowhere operation = iota
	atLogin
	atApoiar
	atUse
)

func (x *exchange) operation() operation {
	if strings.HasSuffix(x.path, "/authenticate") {
		return atLogin
	}
	if strings.HasSuffix(x.path, "/Apoiar") {
		return atApoiar
	}
	for _, operation := range []string{"/Consultar", "/Declarar", "/Emitir", "/Monitorar"} {
		if strings.HasSuffix(x.path, operation) {
			return atUse
		}
	}
	return nowhere
}

// update changes the server's state.
func (x *exchange) update(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
}

// Admit makes a pair from elsewhere valid for a while, for tests that begin with
// one.
func (s *Server) Admit(access, jwt, contratante string, life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sessions[access] = &session{contratante: contratante, access: access, jwt: jwt, expiresAt: s.now().Add(life)}
}
