package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// testCluster is a few machines that share one credential. The machines have no engine:
// the tests begin and commit in its place.
type testCluster struct {
	t       *testing.T
	kv      *memory
	ability Ability
	grace   time.Duration
	nodes   map[string]*node

	mu     sync.Mutex
	shown  map[string]int // seeds at the backend
	issued int
	lost   int // calls that know that an answer was lost

	history history
	removed atomic.Bool // the credential was removed from the configuration
}

type node struct {
	w       *testCluster
	name    string
	cluster *Cluster
	secret  string                 // what it sends to the backend
	is      atomic.Pointer[string] // what it means by the name, if not what the others do
	skew    time.Duration          // of its clock
	prepare []func(*Cluster)
	stop    context.CancelFunc
	ended   chan struct{}

	mu      sync.Mutex
	board   schedule.Record // what the board believes
	disk    schedule.Record // what is durable
	running bool
	allowed bool             // a person lets it send a seed again
	learned *schedule.Record // while running
	said    []string
}

const timeout = 30 * time.Second

func newTestCluster(t *testing.T, ability Ability) *testCluster {
	return &testCluster{t: t, kv: newMemory(), ability: ability, nodes: map[string]*node{}, shown: map[string]int{}}
}

var key = schedule.Key{Kind: schedule.Obtaining, Name: "u6"}

// start starts a machine with the content of its disk.
func (w *testCluster) start(name string, change ...func(*Options)) *node {
	n := w.nodes[name]
	if n == nil {
		n = &node{w: w, name: name, secret: "1"}
		w.nodes[name] = n
	}
	n.board, n.running = n.disk, false
	opt := Options{
		KV: w.kv.of(name), Local: n, Node: name, Version: "test", Name: "/test", Key: [32]byte{1},
		Spec: func(string) (Spec, bool) {
			return Spec{Timeout: timeout, Grace: w.grace, Identity: n.identity(), Inputs: n.inputs(), Digest: n.secret, Ability: func(schedule.Record) Ability { return w.ability }}, !w.removed.Load()
		},
		Names: func() []string { return []string{key.Name} },
		Held:  map[schedule.Key]schedule.Record{key: n.disk},
		Hash:  func() string { return "same" + strings.TrimPrefix(n.identity(), "it") },
		Learn: n.learn,
		Warn: func(message, name, detail string) {
			n.mu.Lock()
			defer n.mu.Unlock()
			n.said = append(n.said, message+": "+name+" "+detail)
		},
	}
	for _, c := range change {
		c(&opt)
	}
	var err error
	if n.cluster, err = New(opt); err != nil {
		w.t.Fatal(err)
	}
	n.cluster.clock = n.now
	for _, prepare := range n.prepare {
		prepare(n.cluster)
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.stop, n.ended = cancel, make(chan struct{})
	go func() {
		defer close(n.ended)
		n.cluster.Run(ctx)
	}()
	return n
}

// startWith is start for a machine with another secret.
func (w *testCluster) startWith(name, secret string, prepare ...func(*Cluster)) *node {
	w.nodes[name] = &node{w: w, name: name, secret: secret, prepare: prepare}
	return w.start(name)
}

// now is the time by the machine's own clock.
func (n *node) now() time.Time { return time.Now().Add(n.skew) }

func (n *node) identity() string {
	if is := n.is.Load(); is != nil {
		return *is
	}
	return "it"
}

func (n *node) inputs() string { return "in " + n.secret }

// kill ends a machine; what is durable remains.
func (n *node) kill() {
	n.stop()
	<-n.ended
	n.mu.Lock()
	n.running = false
	n.mu.Unlock()
}

func (n *node) learn(_ context.Context, _ string, r schedule.Record) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.disk = r
	if n.running {
		n.learned = &r
		return true, nil
	}
	if r.Token().IssuedAt.Before(n.board.Token().IssuedAt) {
		n.w.t.Errorf("%s is handed an older value: of %s, it has one of %s", n.name, r.Token().IssuedAt, n.board.Token().IssuedAt)
	}
	n.board = r
	return true, nil
}

// The local ledger.

func (n *node) Begin(_ context.Context, _ schedule.Key, r schedule.Record) (engine.Ticket, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.disk = r
	return local{n}, nil
}

func (n *node) Write(context.Context, engine.Batch) error { return nil }

type local struct{ n *node }

func (l local) Commit(_ context.Context, r schedule.Record) error {
	l.n.mu.Lock()
	defer l.n.mu.Unlock()
	l.n.disk = r
	return nil
}

// errRefused means that the backend refuses the secret.
var errRefused = errors.New("the backend refused the secret")

// errDied means that the process ended.
var errDied = errors.New("the machine died")

// renew makes one attempt, as the engine does.
func (n *node) renew(during func() error) error {
	n.mu.Lock()
	before := n.board
	n.running, n.learned = true, nil
	n.mu.Unlock()
	done := n.end
	intent := schedule.Begin(before, n.now())
	asked := n.w.now()
	ticket, err := n.cluster.Begin(context.Background(), key, intent)
	if err != nil {
		done(before)
		return err
	}
	if during == nil {
		during = func() error { return nil }
	}
	if lapsing, ok := ticket.(interface{ Lapsed() bool }); ok && lapsing.Lapsed() {
		err := ticket.Commit(context.Background(), before)
		done(before)
		return errors.Join(err, errors.New("too late"))
	}
	attempt := attemptOf(ticket)
	n.w.tried(asked, attempt, before.Token().Seed["s"].Reveal(), before.Past.Open || n.allowed)
	called := n.now()
	answer := n.w.call(before.Token().Seed["s"].Reveal(), before.Past.Open, n.allowed)
	switch err := during(); {
	case errors.Is(err, errDied):
		return err
	case errors.Is(err, errRefused):
		r := intent
		r.Past.Open, r.Past.Parked, r.Past.Last = false, true, &schedule.Note{Reason: credential.ReasonRejected}
		held := r.Token()
		held.Identity, held.Inputs = n.identity(), n.inputs()
		r.Part = held
		err = errors.Join(err, ticket.Commit(context.Background(), r))
		done(r)
		return err
	case err != nil: // the answer is lost
		r := intent
		r.Past.Last = &schedule.Note{Reason: credential.ReasonNetwork}
		err = errors.Join(err, ticket.Commit(context.Background(), r))
		done(r)
		return err
	}
	r := intent
	r.Past.Open, r.Past.Unknown, r.Past.Parked, r.Past.Last = false, 0, false, nil
	held := r.Token()
	held.Identity, held.Inputs = n.identity(), n.inputs()
	held.Credential = credential.Credential{
		Generation: before.Token().Generation + 1, IssuedAt: called,
		Values: map[string]credential.Secret{"v": credential.NewSecret("value of " + answer)},
		Seed:   map[string]credential.Secret{"s": credential.NewSecret(answer)},
	}
	r.Part = held
	n.w.committed(attempt, answer)
	err = ticket.Commit(context.Background(), r)
	done(r)
	return err
}

// end ends an attempt with a record, unless what was learned meanwhile is as new.
func (n *node) end(r schedule.Record) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.learned != nil && !versionOf(r).newer(versionOf(*n.learned)) {
		r = *n.learned
	}
	n.board, n.running, n.learned = r, false, nil
}

func attemptOf(t engine.Ticket) string {
	if own, ok := t.(*ticket); ok {
		return own.attempt
	}
	return ""
}

// call is the backend: it issues a seed in exchange for one that was never sent before.
// A person may allow one to be sent again.
func (w *testCluster) call(seed string, open, allowed bool) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if seed != "" && w.ability >= SpendsElse && (!open || w.ability == Spends) {
		if w.shown[seed]++; w.shown[seed] > 1 && !allowed {
			w.t.Errorf("the seed %s is shown twice", seed)
		}
	}
	if open {
		w.lost++
	}
	w.issued++
	return fmt.Sprint("s", w.issued)
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// same checks that all machines hold one value and one generation.
func (w *testCluster) same(generation uint64) {
	w.t.Helper()
	first := ""
	for _, name := range sortedNames(w.nodes) {
		n := w.nodes[name]
		n.mu.Lock()
		r := n.board
		n.mu.Unlock()
		v := r.Token().Values["v"].Reveal()
		if first == "" {
			first = v
		}
		if v != first || r.Token().Generation != generation {
			w.t.Errorf("%s holds %q of generation %d, want %q of %d", name, v, r.Token().Generation, first, generation)
		}
	}
}

func (w *testCluster) end() {
	for _, n := range maps.Clone(w.nodes) {
		n.stop()
		<-n.ended
	}
}

func refused(t *testing.T, err error, words string) {
	t.Helper()
	if r, ok := errors.AsType[*engine.Refusal](err); !ok || !contains(r.Reason, words) {
		t.Errorf("it is refused with %v, want %q", err, words)
	}
}
