// Package emulator emulates a TSS Online: the REST services RestNewToken and
// RestGetToken, and faults in front of, in and behind them. It is written from
// the vendor's pages and shares no code with the client, so each tests the
// other.
//
// A path that ends in the name of a service addresses that service. SetFault
// sets faults; a single request can select one with its X-Emulate header or its
// emulate parameter. /check tells whether a token works, as a TSS Offline would
// find out.
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

// Options configure the emulated installation. The zero value is a REST
// framework without a login.
type Options struct {
	// Username and Password, if set, are required as HTTP Basic (Security=1).
	Username, Password string
	// NegativeStatus is the status of a refusal; zero means 200, because the
	// status is not documented.
	NegativeStatus int
	// OtherMethod is the status for any method but GET; zero means 405.
	OtherMethod int
	// Lenient accepts base64 without padding, and blanks in place of plus signs.
	Lenient bool
	// Latency delays each answer of a service.
	Latency time.Duration
	// Delay is how long the fault "delay" waits; zero means 5 s.
	Delay time.Duration
	// RetryAfter is what the throttling faults ask for; zero means a minute.
	RetryAfter time.Duration
	// Random is the source of tokens; nil means crypto/rand.
	Random io.Reader
}

// Identity is a client of TSS.
type Identity struct{ CNPJ, IE, UF string }

// folded is the identity without masks and in upper case, as TSS0005 stores it.
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

// account is the row of one client: only its current token is valid.
type account struct {
	token, before  string
	calls          int // requests to RestNewToken, including failed ones
	renewals, gets int
}

// Emulator is one emulated installation. It is safe for concurrent use.
type Emulator struct {
	opt Options

	mu       sync.Mutex
	accounts map[Identity]*account
	faults   map[string]int // by name, the number of requests left; negative means all
	requests int
}

// New returns an installation without clients.
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

// ServeHTTP answers as the installation would.
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

// account returns the row of a client, and creates it if absent. The caller
// holds e.mu.
func (e *Emulator) account(id Identity) *account {
	id = id.folded()
	a := e.accounts[id]
	if a == nil {
		a = &account{}
		e.accounts[id] = a
	}
	return a
}

// newToken returns a token of the vendor's form: a SHA-1 in lower-case hex.
func (e *Emulator) newToken() string {
	var seed [16]byte
	if _, err := io.ReadFull(e.opt.Random, seed[:]); err != nil {
		panic(err) // the system has no random numbers
	}
	sum := sha1.Sum(seed[:])
	return hex.EncodeToString(sum[:])
}

// Token returns a client's valid token, or "" if it has none.
func (e *Emulator) Token(id Identity) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.account(id).token
}

// Renew renews without the daemon's knowledge, as another caller would, and
// returns the new token.
func (e *Emulator) Renew(id Identity) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.account(id)
	a.before, a.token = a.token, e.newToken()
	return a.token
}

// Calls counts the requests to RestNewToken for a client, including the failed
// ones.
func (e *Emulator) Calls(id Identity) int {
	return e.count(id, func(a *account) int { return a.calls })
}

// Renewals counts the tokens that RestNewToken issued to a client.
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
