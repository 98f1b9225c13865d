// Package emulator emulates the authentication of the ArqGED API and the gateway
// in front of it, with their faults.
//
// It is written from the vendor's manuals and from Microsoft's pages on Azure
// API Management and ASP.NET Core, and shares no code with the client. It is an
// http.Handler, keeps everything in memory, opens nothing, and is safe for
// concurrent use. What the manuals leave open is a setting; faults are set for
// the next requests, or selected by a request. It counts what a client must
// never do: send a refresh token twice, or repeat a refused login.
package emulator

import (
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// Server is one emulated ArqGED.
type Server struct {
	now func() time.Time

	mu       sync.Mutex
	settings Settings
	faults   emulation.Switches
	tokens   map[string]*access
	renewals map[string]*renewal
	buckets  []window
	serial   int
	counts   Counts
}

// access is one access token.
type access struct {
	user      string
	expiresAt time.Time
	dead      bool
	once      bool
}

// renewal is one refresh token.
type renewal struct {
	user      string
	minutes   int
	single    bool
	expiresAt time.Time
	spentAt   time.Time // zero until it is exchanged
}

// Counts are the calls so far.
type Counts struct {
	Requests       int
	Logins         int
	LoginsAccepted int
	// FailedLogins counts, by user name, logins with a wrong password or of a
	// blocked user.
	FailedLogins      map[string]int
	Refreshes         int
	RefreshesAccepted int
	// SpentShown counts refreshes with a token that was already exchanged.
	SpentShown int
	// ExpiredShown counts refreshes with an expired token.
	ExpiredShown int
	KeysRefused  int
	Throttled    int
	Lists        int
}

// New returns a server with these settings. A nil now means time.Now.
func New(settings Settings, now func() time.Time) *Server {
	if now == nil {
		now = time.Now
	}
	return &Server{
		now: now, settings: settings.clone(), tokens: map[string]*access{}, renewals: map[string]*renewal{},
		buckets: limits(), counts: Counts{FailedLogins: map[string]int{}},
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
	out := s.counts
	out.FailedLogins = maps.Clone(out.FailedLogins)
	return out
}

// Valid reports whether a token is in force now.
func (s *Server) Valid(token string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.tokens[token]
	return a != nil && !a.dead && s.now().Before(a.expiresAt)
}

// exchange is one request, with the time, settings and fault that apply to it.
type exchange struct {
	*Server
	w     http.ResponseWriter
	r     *http.Request
	body  []byte
	set   Settings
	at    time.Time // on the server's own clock
	fault string
	path  string
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := emulation.Body(r)
	own, path := emulation.OfRequest(r)
	x := &exchange{Server: s, w: w, r: r, body: body, path: path}
	s.mu.Lock()
	x.set = s.settings
	x.at = s.now().Add(x.set.ClockOffset)
	s.counts.Requests++
	x.fault = own
	if own == "" {
		x.fault = s.faults.Take(faults.Names)
	}
	s.mu.Unlock()
	switch x.fault {
	case "clock-ahead":
		x.at = x.at.Add(time.Hour)
	case "clock-behind":
		x.at = x.at.Add(-time.Hour)
	}
	w.Header().Set("Date", x.at.UTC().Format(http.TimeFormat))
	if !emulation.Wait(r, x.set.Latency) {
		return
	}
	if x.fault == "slow" && !emulation.Wait(r, 2*time.Second) {
		return
	}
	if faults.Answer(w, x.fault, x) || !x.gateway() {
		return
	}
	x.route()
}

// route finds the operation below one of the prefixes.
func (x *exchange) route() {
	path := x.path
	for _, prefix := range x.set.prefixes() {
		rest, ok := strings.CutPrefix(path, prefix)
		if !ok {
			continue
		}
		switch operation := x.r.Method + " " + strings.ToLower(rest); operation {
		case "POST /api/autenticacao/login":
			x.login()
			return
		case "POST /api/autenticacao/refreshtoken":
			x.refresh()
			return
		case "GET /api/lista/getlistas":
			x.lists()
			return
		}
	}
	x.apim(http.StatusNotFound, "Resource not found")
}
