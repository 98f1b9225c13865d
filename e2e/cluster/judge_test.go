package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigented/vigente/providers/emulation"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// judge is the backend: a strict server that revokes a family when a refresh
// token is used again. It records the order in which it issued tokens, and
// every secret it saw.
type judge struct {
	*emulator.Server
	mu      sync.Mutex
	order   map[string]int // by access token
	spans   map[int]span   // by place in the order
	travel  time.Duration  // how long requests may be on their way
	secrets []string
	held    *held
	calls   []call
	seeds   map[string]seed
	padding string // makes access tokens longer
}

// seed is one refresh token.
type seed struct {
	number  int
	planted bool
}

// span is the time in which a machine called, as far as the backend can know.
type span struct{ begun, answered time.Time }

// call is one request for a token.
type call struct {
	machine string // its address
	at      time.Time

	// Of a refresh token, numbered in the order of issue.
	seed, next int
	planted    bool // a person brought the seed
	answered   time.Time
}

// refreshes returns the calls that sent a refresh token.
func (j *judge) refreshes() []call {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(j.calls), func(c call) bool { return c.seed == 0 })
}

// since returns the calls that arrived after some moment, in their order.
func (j *judge) since(moment time.Time) []call {
	j.mu.Lock()
	defer j.mu.Unlock()
	first, _ := slices.BinarySearchFunc(j.calls, moment, func(c call, m time.Time) int { return c.at.Compare(m) })
	return slices.Clone(j.calls[first:])
}

// held is a request that is to be held: the next one of a machine with a grant
// type. The calls of other machines go on.
type held struct {
	machine, grant string
	latency        time.Duration
	arrived        chan struct{}
}

// hold holds the next request that fits, and returns what is closed when it has
// arrived.
func (j *judge) hold(h held) <-chan struct{} {
	h.arrived = make(chan struct{})
	j.mu.Lock()
	defer j.mu.Unlock()
	j.held = &h
	return h.arrived
}

// wait records a request, and waits if it is the one to hold. It returns the
// place of the call, and whether its client still listens.
func (j *judge) wait(r *http.Request) (place int, listens bool) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	machine, _, _ := net.SplitHostPort(r.RemoteAddr)
	j.mu.Lock()
	place = len(j.calls)
	shown := j.seeds[form.Get("refresh_token")]
	j.calls = append(j.calls, call{machine: machine, at: time.Now(), seed: shown.number, planted: shown.planted})
	h := j.held
	if h == nil || h.machine != machine || h.grant != form.Get("grant_type") {
		j.mu.Unlock()
		return place, true
	}
	j.held = nil
	j.mu.Unlock()
	close(h.arrived)
	return place, emulation.Wait(r, h.latency)
}

const (
	clientID     = "loja-1"
	clientSecret = "5f4dcc3b5aa765d61d8327deb882cf99-canary"
)

func newJudge(settings emulator.Settings) *judge {
	settings.Clients = []emulator.Client{{ID: clientID, Secret: clientSecret}}
	return &judge{Server: emulator.New(settings, nil), order: map[string]int{}, spans: map[int]span{}, seeds: map[string]seed{}, secrets: []string{clientSecret}}
}

// ServeHTTP passes a request on and records what was issued.
func (j *judge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	place, listens := j.wait(r)
	if !listens {
		return
	}
	answer := httptest.NewRecorder()
	j.Server.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	var token struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(body, &token) == nil && token.Access != "" {
		j.mu.Lock()
		if long := token.Access + j.padding; long != token.Access {
			body = bytes.Replace(body, []byte(token.Access), []byte(long), 1)
			token.Access = long
			answer.Header().Del("Content-Length")
		}
		j.order[token.Access] = len(j.order) + 1
		for _, secret := range []string{token.Access, token.Refresh} {
			if secret != "" {
				j.secrets = append(j.secrets, secret)
			}
		}
		c := &j.calls[place]
		c.answered = time.Now()
		j.spans[len(j.order)] = span{c.at.Add(-j.travel), c.answered}
		if token.Refresh != "" {
			c.next = j.number(token.Refresh, false)
		}
		j.mu.Unlock()
	}
	for key, values := range answer.Header() {
		w.Header()[key] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
}

// pad makes access tokens longer by that many characters.
func (j *judge) pad(n int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.padding = strings.Repeat("x", n)
}

// travels tells how long requests may be on their way from now on.
func (j *judge) travels(longest time.Duration) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.travel = longest
}

// older reports whether a token is older than another one: its call was answered before
// the other one began. Of calls that overlap, as those of machines that renew alone at
// the same moment, nobody can tell which the backend issues last.
func (j *judge) older(place, other int) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return other > 0 && j.spans[place].answered.Before(j.spans[other].begun)
}

// begun returns when the call for a token began at the earliest.
func (j *judge) begun(place int) time.Time {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.spans[place].begun
}

// place returns the position of a token in the order of issue, or 0.
func (j *judge) place(token string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.order[token]
}

// seen returns all secrets so far.
func (j *judge) seen() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return append([]string{}, j.secrets...)
}

// seed returns a refresh token as a person would obtain it.
func (j *judge) plant() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	planted := fmt.Sprintf("a-person-brought-this-%d", len(j.secrets))
	j.secrets = append(j.secrets, planted)
	j.number(planted, true)
	j.Plant(planted, clientID, "")
	return planted
}

// number gives a refresh token the next number. The caller holds j.mu.
func (j *judge) number(token string, planted bool) int {
	n := len(j.seeds) + 1
	j.seeds[token] = seed{n, planted}
	return n
}

// unspent checks that no seed was used twice.
func (j *judge) unspent(t *testing.T, after string) {
	t.Helper()
	if c := j.Counts(); c.Reused > 0 || c.Revoked > 0 {
		t.Errorf("after %s: %d seeds were used again and %d families revoked, want none", after, c.Reused, c.Revoked)
	}
}

// sinks watches what all machines have delivered: no sink may go back to an
// older token.
type sinks struct {
	stop, ended chan struct{}
}

func (b *box) watchSinks() *sinks {
	s := &sinks{make(chan struct{}), make(chan struct{})}
	go func() {
		defer close(s.ended)
		latest := map[string]int{}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, h := range b.hosts {
				for _, file := range []string{"sales.out", "plain.out"} {
					token := strings.TrimSpace(h.Read(file))
					if token == "" {
						continue
					}
					at := h.name + " " + file
					switch place := b.judge.place(token); {
					case place == 0 && latest[at] > 0, b.judge.older(place, latest[at]):
						b.t.Errorf("%s went back from token %d to %d", at, latest[at], place)
					case b.judge.begun(place).After(b.judge.begun(latest[at])):
						latest[at] = place
					}
				}
			}
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
		}
	}()
	return s
}

func (s *sinks) end() {
	close(s.stop)
	<-s.ended
}

// sealed checks that etcd's data contains no plain secret.
func sealed(t *testing.T, name string, data []byte, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if bytes.Contains(data, []byte(secret)) {
			t.Errorf("%s contains the plain secret %q", name, secret)
		}
	}
}

// begin starts the daemons and logs in, and returns once all machines hold both
// tokens. The sinks are watched until the test ends.
func (b *box) begin() {
	b.t.Helper()
	for _, h := range b.hosts {
		h.startDaemon()
	}
	b.t.Cleanup(b.watchSinks().end)
	b.hosts[0].login()
	b.agree("the start", "plain")
	b.agree("the login", "sales")
}

func TestOlderTokens(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Unix(int64(s), 0) }
	j := newJudge(emulator.Settings{})
	j.spans = map[int]span{1: {at(1), at(2)}, 2: {at(3), at(5)}, 3: {at(4), at(6)}}
	for _, c := range []struct {
		place, other int
		older        bool
	}{{1, 2, true}, {1, 3, true}, {2, 3, false}, {3, 2, false}, {2, 1, false}, {1, 0, false}} {
		if got := j.older(c.place, c.other); got != c.older {
			t.Errorf("token %d older than %d: got %v", c.place, c.other, got)
		}
	}
}
