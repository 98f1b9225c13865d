package kill

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"path"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
)

// registry is a backend written from the manual of the ArqGED API: Login with
// the password, RefreshToken with a refresh token that works once. It is as
// strict as possible: a new token invalidates the old one, and a refresh token
// used twice is recorded as a violation.
type registry struct {
	life     time.Duration
	interval time.Duration // the minimum interval configured in the daemon
	url      string
	quiet    func() bool // whether every request of a killed process has ended here

	mu         sync.Mutex
	accounts   map[string]*account
	violations []string
}

// account is one user of the registry.
type account struct {
	access, refresh string
	issued          map[string]bool // every access token ever issued
	spent           map[string]bool // refresh tokens that were used
	calls           []call
}

type call struct {
	op string
	at time.Time
}

// tokenLength is the length of every access token.
const tokenLength = 40

func newRegistry(t testing.TB, life, interval time.Duration) *registry {
	r := &registry{life: life, interval: interval, accounts: map[string]*account{}}
	r.url, r.quiet = e2etest.ServeUntilQuiet(t, r)
	return r
}

func (r *registry) accountLocked(user string) *account {
	a := r.accounts[user]
	if a == nil {
		a = &account{issued: map[string]bool{}, spent: map[string]bool{}}
		r.accounts[user] = a
	}
	return a
}

func (r *registry) violateLocked(format string, args ...any) {
	r.violations = append(r.violations, fmt.Sprintf(format, args...))
}

func (r *registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var q struct{ IDUsuario, Username, Password, RefreshToken string }
	if err := json.NewDecoder(req.Body).Decode(&q); err != nil {
		http.Error(w, "not JSON", http.StatusBadRequest)
		return
	}
	op := path.Base(req.URL.Path)
	r.mu.Lock()
	defer r.mu.Unlock()
	a := r.accountLocked(q.Username)
	now := time.Now()
	// The check is generous, because a busy machine delays calls after the
	// daemon has read its clock.
	if n := len(a.calls); n > 0 && now.Sub(a.calls[n-1].at) < r.interval/5 {
		r.violateLocked("%s: %s %s after the last call, within the interval", q.Username, op, now.Sub(a.calls[n-1].at))
	}
	a.calls = append(a.calls, call{op, now})
	var refused bool
	switch op {
	case "Login":
		refused = q.Password != passwordOf(q.Username)
	case "RefreshToken":
		if a.spent[q.RefreshToken] {
			r.violateLocked("%s: a spent refresh token was shown", q.Username)
		}
		a.spent[q.RefreshToken] = true
		refused = q.RefreshToken != a.refresh
	default:
		refused = true
	}
	if refused {
		r.violateLocked("%s: %s was refused", q.Username, op)
		http.Error(w, `{"Mensagem":"Usuário ou senha inválidos"}`, http.StatusUnauthorized)
		return
	}
	a.access, a.refresh = newToken(tokenLength), newToken(tokenLength)
	a.issued[a.access] = true
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]string{
		"IdUsuario": "id-" + q.Username, "Login": q.Username, "Token": a.access, "RefreshToken": a.refresh,
		"ExpiracaoToken":        now.Add(r.life).UTC().Format(time.RFC3339Nano),
		"ExpiracaoRefreshToken": now.Add(24 * time.Hour).UTC().Format(time.RFC3339Nano),
	})
}

func newToken(length int) string {
	b := make([]byte, length/2)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func passwordOf(user string) string { return "password of " + user }

// live returns the one valid access token of a user.
func (r *registry) live(user string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accountLocked(user).access
}

// wasIssued reports whether a token was ever issued to this user.
func (r *registry) wasIssued(user, token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accountLocked(user).issued[token]
}

// wasShown reports whether a refresh token was used.
func (r *registry) wasShown(user, token string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.accountLocked(user).spent[token]
}

// calls returns the operations requested for a user, in order.
func (r *registry) calls(user string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ops []string
	for _, c := range r.accountLocked(user).calls {
		ops = append(ops, c.op)
	}
	return ops
}

// callBefore returns the time of the second to last call for a user, or zero.
func (r *registry) callBefore(user string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if calls := r.accountLocked(user).calls; len(calls) > 1 {
		return calls[len(calls)-2].at
	}
	return time.Time{}
}

// complaints returns the recorded violations.
func (r *registry) complaints() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.violations)
}
