// Package emulator plays a TSS Online: the REST services RestNewToken and
// RestGetToken with everything that may go wrong in front of, in and behind
// them. It is written from the vendor's pages and shares nothing with the
// client, so that a test of one is a test of both.
//
// Any path that ends in the name of a service is that service. Faults are set
// by SetFault, or for one request by its X-Emulate header or its emulate
// parameter. /check tells whether a token works, the way a TSS Offline would
// find out.
package emulator

import (
	"crypto/rand"
	"crypto/sha1"
	"encoding/hex"
	"io"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// Options set the emulated installation up. The zero value is a framework REST
// without login.
type Options struct {
	// Username and Password are asked for by Basic when set (Security=1).
	Username, Password string
	// NegativeStatus is the status of the negative answer; 200 when zero, since
	// nobody documents it.
	NegativeStatus int
	// OtherMethod is the status of anything but GET; 405 when zero.
	OtherMethod int
	// Lenient accepts base64 without padding and with blanks for plus signs.
	Lenient bool
	// Latency is waited before each answer of a service.
	Latency time.Duration
	// Delay is what the fault "delay" waits; 5 s when zero.
	Delay time.Duration
	// RetryAfter is what the throttling faults ask for; a minute when zero.
	RetryAfter time.Duration
	// Random makes tokens; crypto/rand when nil.
	Random io.Reader
}

// Identity is a client of TSS.
type Identity struct{ CNPJ, IE, UF string }

// folded is the identity without masks and in upper case: what TSS0005 keeps.
func (i Identity) folded() Identity {
	fold := func(text string) string {
		return strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z':
				return r - 'a' + 'A'
			case r >= '0' && r <= '9', r >= 'A' && r <= 'Z':
				return r
			}
			return -1
		}, text)
	}
	return Identity{fold(i.CNPJ), fold(i.IE), fold(i.UF)}
}

// account is the row of one client: exactly one token counts.
type account struct {
	token, before  string
	calls          int // requests to RestNewToken, those that failed included
	renewals, gets int
}

// Emulator is one emulated installation. It is safe for concurrent use.
type Emulator struct {
	opt Options

	mu       sync.Mutex
	accounts map[Identity]*account
	faults   map[string]int // name to how many more requests, negative for all
	requests int
}

// New returns an installation that knows no client.
func New(opt Options) *Emulator {
	if opt.NegativeStatus == 0 {
		opt.NegativeStatus = http.StatusOK
	}
	if opt.OtherMethod == 0 {
		opt.OtherMethod = http.StatusMethodNotAllowed
	}
	if opt.Delay == 0 {
		opt.Delay = 5 * time.Second
	}
	if opt.RetryAfter == 0 {
		opt.RetryAfter = time.Minute
	}
	if opt.Random == nil {
		opt.Random = rand.Reader
	}
	return &Emulator{opt: opt, accounts: map[Identity]*account{}, faults: map[string]int{}}
}

// ServeHTTP answers like the installation would.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch strings.ToLower(path.Base(strings.TrimRight(r.URL.Path, "/"))) {
	case "restnewtoken":
		e.serve(w, r, true)
	case "restgettoken":
		e.serve(w, r, false)
	case "check":
		e.check(w, r)
	default:
		frameworkFault(w, http.StatusNotFound, false)
	}
}

// account returns the row of a client, which e.mu guards; it is made on first
// sight.
func (e *Emulator) account(id Identity) *account {
	id = id.folded()
	a := e.accounts[id]
	if a == nil {
		a = &account{}
		e.accounts[id] = a
	}
	return a
}

// newToken is shaped like the vendor's: a SHA-1 in lower-case hex.
func (e *Emulator) newToken() string {
	var seed [16]byte
	if _, err := io.ReadFull(e.opt.Random, seed[:]); err != nil {
		panic(err) // an emulator without randomness is of no use
	}
	sum := sha1.Sum(seed[:])
	return hex.EncodeToString(sum[:])
}

// Token returns the token that counts for a client, empty when there is none.
func (e *Emulator) Token(id Identity) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.account(id).token
}

// Renew renews behind the daemon's back, as another caller would, and returns
// the token that counts from now on.
func (e *Emulator) Renew(id Identity) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.account(id)
	a.before, a.token = a.token, e.newToken()
	return a.token
}

// Calls counts the requests to RestNewToken for a client, whatever became of
// them.
func (e *Emulator) Calls(id Identity) int {
	return e.count(id, func(a *account) int { return a.calls })
}

// Renewals counts the tokens made for a client by RestNewToken.
func (e *Emulator) Renewals(id Identity) int {
	return e.count(id, func(a *account) int { return a.renewals })
}

// Reads counts the requests to RestGetToken for a client.
func (e *Emulator) Reads(id Identity) int { return e.count(id, func(a *account) int { return a.gets }) }

func (e *Emulator) count(id Identity, of func(*account) int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return of(e.account(id))
}

// Requests counts all requests to both services.
func (e *Emulator) Requests() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests
}
