// Package emulator emulates a service with non-standard logins, with its faults.
//
// Each form of login that exists in the field has its own path: a session from a
// name and a password in JSON, a second step that needs the session, JSON inside
// JSON, a cookie, XML, bare text, and a single-use code. Anything missing,
// misspelled or in another form is refused. It is an http.Handler, keeps
// everything in memory, opens nothing, shares no code with the client, and is
// safe for concurrent use.
package emulator

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// Settings configure the service.
type Settings struct {
	Users []User
	// Headers must come with every request, such as the key of an application.
	Headers map[string]string
	// Lifetime of what a login returns; 0 means an hour.
	Lifetime time.Duration
	// Latency before every answer.
	Latency time.Duration
}

// User is a person or a program that can log in.
type User struct{ Name, Password string }

// Counts are the calls so far.
type Counts struct {
	Requests      int // every request
	Logins        int // requests that were granted
	Refused       int // requests with a wrong name, password, session or code
	Reused        int // codes used again after they were spent
	SecretsInURI  int // requests with a password, a session or a code in the URI
	EndedSessions int // requests with an expired session
}

// Server is one emulated service.
type Server struct {
	now      func() time.Time
	settings Settings

	mu     sync.Mutex
	faults emulation.Switches
	counts Counts
	held   map[string]*session
	codes  map[string]bool // the codes, and whether they are spent
}

// session is the result of a login.
type session struct {
	user   string
	endsAt time.Time
}

// New returns a service with these settings. A nil now means time.Now.
func New(settings Settings, now func() time.Time) *Server {
	if now == nil {
		now = time.Now
	}
	if settings.Lifetime == 0 {
		settings.Lifetime = time.Hour
	}
	return &Server{now: now, settings: settings, held: map[string]*session{}, codes: map[string]bool{}}
}

// Counts returns the calls so far.
func (s *Server) Counts() Counts {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.counts
}

// Active reports whether a value from a login is in force.
func (s *Server) Active(value string) bool {
	_, active := s.holder(value)
	return active
}

// holder returns the user of a session, and whether the session is in force.
func (s *Server) holder(value string) (user string, active bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.held[value]
	if held == nil {
		return "", false
	}
	if !s.now().Before(held.endsAt) {
		s.counts.EndedSessions++
		return held.user, false
	}
	return held.user, true
}

// Plant makes a code work once.
func (s *Server) Plant(code string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.codes[code] = false
}

// spend uses a code up and reports whether it worked.
func (s *Server) spend(code string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	spent, known := s.codes[code]
	if known && spent {
		s.counts.Reused++
	}
	if !known || spent {
		return false
	}
	s.codes[code] = true
	return true
}

// call is one request, with the time and settings that apply to it.
type call struct {
	*Server
	w     http.ResponseWriter
	r     *http.Request
	body  []byte
	path  string
	fault string
	at    time.Time
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := emulation.Body(r)
	c := &call{Server: s, w: w, r: r, body: body}
	c.fault, c.path = emulation.OfRequest(r)
	s.mu.Lock()
	s.counts.Requests++
	if c.fault == "" {
		c.fault = s.faults.Take(faults().Names)
	}
	for _, name := range []string{"password", "session", "code"} {
		if r.URL.Query().Has(name) {
			s.counts.SecretsInURI++
		}
	}
	s.mu.Unlock()
	c.at = s.now().Add(map[string]time.Duration{"clock-ahead": time.Hour, "clock-behind": -time.Hour}[c.fault])
	w.Header().Set("Date", c.at.UTC().Format(http.TimeFormat))
	if emulation.Wait(r, s.settings.Latency) && !faults().Answer(c.w, c.fault, c) {
		c.login()
	}
}

// login finds the form of a login by the end of its path.
func (c *call) login() {
	for name, want := range c.settings.Headers {
		if c.r.Header.Get(name) != want {
			c.refuse(http.StatusForbidden, "KEY")
			return
		}
	}
	for _, f := range logins() {
		if strings.HasSuffix(c.path, f.path) {
			f.answer(c)
			return
		}
	}
	c.refuse(http.StatusNotFound, "PATH")
}

// open starts a session of a user.
func (c *call) open(user string) string {
	value := rand.Text() + rand.Text()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Logins++
	c.held[value] = &session{user, c.at.Add(c.settings.Lifetime)}
	return value
}

// refuse answers with an error in the form of the service.
func (c *call) refuse(status int, code string) {
	c.mu.Lock()
	c.counts.Refused++
	c.mu.Unlock()
	emulation.Write(c.w, status, "application/json", fmt.Sprintf(`{"code":%q,"message":"refused by the emulator"}`, code))
}

// user checks a name and a password.
func (c *call) user(name, password string) bool {
	for _, u := range c.settings.Users {
		if u.Name == name && u.Password == password && password != "" {
			return true
		}
	}
	c.refuse(http.StatusUnauthorized, "LOGIN")
	return false
}
