package attack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/disktest"
)

// TestGreedyReadersHoldNothingUp: 50 readers of each kind request as fast as
// they get answers. A cold start takes about as long as without them, no token
// lapses, and a user's status is answered quickly.
func TestGreedyReadersHoldNothingUp(t *testing.T) {
	const many, life = 600, 24 * time.Second
	tokens := &issuer{life: life}
	if _, err := e2etest.Binary(); err != nil { // built before TMPDIR changes
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", disktest.Memory(t)) // not on a disk that other tests may be using
	w := e2etest.NewWorld(t, crowd(e2etest.Serve(t, tokens), many))
	w.Write("secret", "s3cret")
	e2etest.Must(t, os.Mkdir(w.Path("s"), 0o700))

	alone := coldStart(w, many)
	w.Stop()
	e2etest.Must(t, os.RemoveAll(w.Path("state")), os.RemoveAll(w.Path("s")), os.Mkdir(w.Path("s"), 0o700))
	tokens.forget()

	ctx, stop := context.WithCancel(t.Context())
	readers := greedy(ctx, w, 50, fmt.Sprint("c", many-1))
	defer func() {
		stop()
		for kind, n := range readers() {
			t.Logf("%s: %d answers", kind, n)
			if n == 0 {
				t.Errorf("readers of %s got no answers", kind)
			}
		}
	}()
	among := coldStart(w, many)
	t.Logf("cold start of %d: %s without readers, %s with", many, alone, among)
	if among > 5*alone+5*time.Second {
		t.Errorf("cold start with readers took %s, without %s", among, alone)
	}
	began := time.Now()
	// Each wait may take the full timeout; the first waits mostly for the tokens to expire.
	w.Eventually("some are renewed, although others read", func() bool { return tokens.renewed() > 0 })
	w.Eventually("all are renewed, although others read", func() bool { return tokens.renewed() == many })
	t.Logf("all credentials were renewed %s later", time.Since(began))
	if n := tokens.lapsed(); n > 0 {
		t.Errorf("%d of %d tokens lapsed", n, many)
	}
	began = time.Now()
	if code, out, errs := w.Run("status", "c0"); code != 0 || !strings.Contains(out, "c0") {
		t.Errorf("status: got exit code %d, want 0: %s", code, errs)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("status took %s, want at most 5s", took)
	}
}

// coldStart returns how long it took until every sink was delivered.
func coldStart(w *e2etest.World, many int) time.Duration {
	began := time.Now()
	w.Launch()
	w.Eventually("every sink has a token", func() bool {
		there, _ := os.ReadDir(w.Path("s"))
		return len(there) == many
	})
	return time.Since(began)
}

// crowd returns a configuration of many credentials with one sink each.
func crowd(url string, many int) string {
	var text strings.Builder
	text.WriteString("[renewal]\nmin_interval = \"1s\"\n[providers.p]\ntype = \"senhasegura\"\nurl = \"" + url + "\"\nclient_id = \"app\"\nclient_secret = { file = \"{dir}/secret\" }\n")
	for i := range many {
		fmt.Fprintf(&text, "[credentials.c%d]\nprovider = \"p\"\nscope = \"s%d\"\n[sinks.c%d]\ntype = \"file\"\npath = \"{dir}/s/%d\"\ncontent = \"${c%d.access_token}\"\n", i, i, i, i, i)
	}
	return text.String()
}

// issuer issues tokens and records when.
type issuer struct {
	life time.Duration

	mu     sync.Mutex
	issued map[string][]time.Time // by scope
}

func (i *issuer) forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.issued = nil
}

// ServeHTTP implements http.Handler.
func (i *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scope := r.PostFormValue("scope")
	i.mu.Lock()
	if i.issued == nil {
		i.issued = map[string][]time.Time{}
	}
	i.issued[scope] = append(i.issued[scope], time.Now())
	n := len(i.issued[scope])
	i.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": fmt.Sprint(scope, "-", n), "token_type": "Bearer", "expires_in": i.life.Seconds()})
}

// renewed counts the scopes that have received a second token.
func (i *issuer) renewed() (n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, all := range i.issued {
		if len(all) > 1 {
			n++
		}
	}
	return n
}

// lapsed counts the scopes whose token expired before the next was requested.
func (i *issuer) lapsed() (n int) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, all := range i.issued {
		for k := 1; k < len(all); k++ {
			if all[k].Sub(all[k-1]) > i.life {
				n++
				break
			}
		}
	}
	return n
}

// greedy starts readers of every kind. The returned function waits for them and
// returns how many answers each kind got.
func greedy(ctx context.Context, w *e2etest.World, each int, last string) (answers func() map[string]int64) {
	socket := &http.Transport{MaxIdleConnsPerHost: 3 * each, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", w.Path("c.sock"))
	}}
	listener := &http.Transport{MaxIdleConnsPerHost: 4 * each}
	kinds := map[string]func() (*http.Request, *http.Transport){}
	for kind, path := range map[string]string{"livez": "/livez", "readyz": "/readyz", "metrics": "/metrics", "page": "/"} {
		kinds[kind] = func() (*http.Request, *http.Transport) {
			r, _ := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.Listen+path, nil)
			return r, listener
		}
	}
	for kind, ask := range map[string][2]string{
		"status": {"/v1/view", "{}"}, "wait for one": {"/v1/wait", `{"names":["` + last + `"]}`}, "wait for all": {"/v1/wait", `{"names":["*"]}`},
	} {
		kinds[kind] = func() (*http.Request, *http.Transport) {
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, "http://vigente"+ask[0], strings.NewReader(ask[1]))
			return r, socket
		}
	}
	var all sync.WaitGroup
	counts := map[string]*atomic.Int64{}
	for kind, request := range kinds {
		n := &atomic.Int64{}
		counts[kind] = n
		for range each {
			all.Go(func() { read(ctx, request, n) })
		}
	}
	return func() map[string]int64 {
		all.Wait()
		out := map[string]int64{}
		for kind, n := range counts {
			out[kind] = n.Load()
		}
		return out
	}
}

// read sends requests without a pause until ctx ends.
func read(ctx context.Context, request func() (*http.Request, *http.Transport), n *atomic.Int64) {
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for ctx.Err() == nil {
		r, through := request()
		answer, err := through.RoundTrip(r)
		if err != nil { // the port is not open yet
			<-again.C
			continue
		}
		_, _ = io.Copy(io.Discard, answer.Body)
		_ = answer.Body.Close()
		if answer.StatusCode < http.StatusInternalServerError || answer.StatusCode == http.StatusServiceUnavailable {
			n.Add(1)
		}
	}
}
