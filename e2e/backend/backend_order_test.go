package backend

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
)

// roster is a token endpoint for many credentials with different lifetimes.
// While it is out of service, it asks all callers to wait.
type roster struct {
	lives map[string]int

	mu    sync.Mutex
	out   bool
	calls []bearerCall
}

const rosterWait = 2 * time.Second

// ServeHTTP implements http.Handler.
func (o *roster) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := time.Now()
	_ = r.ParseForm()
	scope := r.PostForm.Get("scope")
	o.mu.Lock()
	out := o.out
	o.calls = append(o.calls, bearerCall{at, scope, !out})
	n := len(o.calls)
	o.mu.Unlock()
	if out {
		says(503, "{}", "Retry-After", fmt.Sprint(rosterWait.Seconds()))(w, r)
		return
	}
	says(200, fmt.Sprintf(`{"token_type":"Bearer","access_token":"%s-%d","expires_in":%d}`, scope, n, o.lives[scope]))(w, r)
}

func (o *roster) turn(out bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.out = out
}

func (o *roster) seen() []bearerCall {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.calls)
}

// TestBackendThatComesBackServesTheMostUrgentFirst makes sixty credentials of
// one backend due while it is out of service. It checks the order in which they
// call once it is back, and the rate across a crash.
func TestBackendThatComesBackServesTheMostUrgentFirst(t *testing.T) {
	t.Parallel()
	const fleet, rate = 60, 40
	backend := &roster{lives: map[string]int{}}
	text := "[renewal]\nmin_interval = \"100ms\"\n[providers.p]\ntype = \"senhasegura\"\nurl = \"" + e2etest.Serve(t, backend) +
		"\"\nclient_id = \"id\"\nclient_secret = { file = \"secret\" }\nconcurrency = 1\nrate = \"" + fmt.Sprint(rate) + "/s\"\n"
	for i, place := range rand.New(rand.NewPCG(1, 2)).Perm(fleet) {
		scope := fmt.Sprintf("s%02d", i)
		backend.lives[scope] = 1000 + 100*place
		text += fmt.Sprintf("[credentials.%s]\nprovider = \"p\"\nscope = %q\n", scope, scope)
	}
	w := e2etest.NewWorld(t, text)
	w.Write("secret", e2etest.VaultSecret)
	w.Launch()
	w.Eventually("a third has a token", func() bool { return len(backend.seen()) > fleet/3 })
	w.Kill()
	w.Start()
	valid := func(generation int) func() bool {
		return func() bool {
			for _, c := range w.Status().Credentials {
				if c.State != "valid" || c.Generation < generation {
					return false
				}
			}
			return true
		}
	}
	w.Eventually("all have a token", valid(1))
	before := len(backend.seen())
	backend.turn(true)
	renew := w.Command(t.Context(), "renew", "--all")
	if err := renew.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = renew.Wait() })
	w.Eventually("the backend asks to wait", func() bool { return len(backend.seen()) > before })
	backend.turn(false)
	w.Eventually("all have another token", valid(2))

	calls := backend.seen()
	refused, again := calls[before], calls[before+1:]
	if len(again) != fleet || refused.good {
		t.Fatalf("got %d calls after the refusal, want one for each of %d credentials", len(again), fleet)
	}
	if waited := again[0].at.Sub(refused.at); waited < rosterWait-100*time.Millisecond || waited > rosterWait+2*time.Second {
		t.Errorf("called again after %s, want %s as the backend asked", waited, rosterWait)
	}
	if !slices.IsSortedFunc(again, func(a, b bearerCall) int { return cmp.Compare(backend.lives[a.scope], backend.lives[b.scope]) }) {
		var order []string
		for _, c := range again {
			order = append(order, fmt.Sprint(backend.lives[c.scope]))
		}
		t.Errorf("got order %s, want the earliest expiry first", strings.Join(order, " "))
	}
	most, first := 0, 0
	for i, c := range calls {
		for c.at.Sub(calls[first].at) >= time.Second-50*time.Millisecond {
			first++
		}
		most = max(most, i-first+1)
	}
	if most > rate {
		t.Errorf("got %d calls within a second, want at most %d", most, rate)
	}
	t.Logf("at most %d calls within a second across a crash, with a rate of %d; one call during the outage", most, rate)
}
