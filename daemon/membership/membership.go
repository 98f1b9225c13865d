// Package membership connects this machine to the others that share its credentials,
// if a cluster is configured.
//
// It tells the cluster what the plan says about a credential, and the daemon what the
// cluster says about the machines. A Member without a cluster is a machine of its own:
// every method can be called and does what one machine needs.
package membership

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/metrics"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
)

// Options configure a Member. All are required.
type Options struct {
	Version string
	Log     *zap.Logger
	Store   *store.Store
	// Held are the records from before the restart.
	Held map[schedule.Key]schedule.Record
	// Observe is called for every request to the cluster's engine.
	Observe func(op, result string, took time.Duration)
	// Learn passes another machine's record, which is saved, to the board.
	Learn func(ctx context.Context, name string, r schedule.Record) error
	// Cooldown passes on what another machine learned about a backend.
	Cooldown func(ctx context.Context, provider string, r schedule.ProviderRecord)
}

// Member is this machine as the others see it. Its methods are safe for concurrent use.
type Member struct {
	opt      Options
	cluster  *cluster.Cluster // nil if no cluster is configured
	shared   atomic.Pointer[shared]
	tls      atomic.Pointer[tls.Config] // of new connections to the engine
	commands sync.Map                   // locks of commands that run one at a time, by name
}

// New returns a member that is not connected yet; see Run.
func New(c config.Cluster, opt Options) (*Member, error) {
	held := opt.Held
	opt.Held = nil // the board lets go of them once its tasks have them
	m := &Member{opt: opt}
	if len(c.Endpoints) == 0 {
		return m, nil
	}
	m.tls.Store(c.TLS)
	kv, err := cluster.Etcd(cluster.EtcdOptions{
		Endpoints: c.Endpoints, Prefix: c.Prefix, TLS: m.tls.Load, Username: c.Username, Password: c.Password.Reveal(), Observe: opt.Observe,
	})
	if err != nil {
		return nil, err
	}
	m.cluster, err = cluster.New(cluster.Options{
		KV: kv, Local: opt.Store, Node: c.Node, Version: opt.Version, Name: c.Prefix, Key: c.Key, OldKeys: c.OldKeys,
		Alone: cluster.Alone(c.Alone), Held: held,
		Spec:  func(name string) (cluster.Spec, bool) { return m.shared.Load().spec(name) },
		Names: func() []string { return m.shared.Load().names },
		Hash:  func() string { return m.shared.Load().hash },
		Learn: m.learn, Cooldown: opt.Cooldown, Warn: m.warn,
	})
	return m, err
}

func (m *Member) warn(message, name, detail string) {
	fields := []zap.Field{zap.String("detail", detail)}
	if name != "" {
		fields = append(fields, zap.String("credential", name))
	}
	m.opt.Log.Warn(message, fields...)
}

// learn saves another machine's record before the board hears of it.
func (m *Member) learn(ctx context.Context, name string, r schedule.Record) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, learnTime)
	defer cancel()
	err := m.opt.Store.Save(ctx, schedule.Key{Kind: schedule.Obtaining, Name: name}, r)
	if err == nil {
		err = m.opt.Learn(ctx, name, r)
	}
	return err == nil, err
}

// learnTime limits how long news from another machine waits for the engine.
const learnTime = 10 * time.Second

// Ledger returns where credentials are recorded.
func (m *Member) Ledger() engine.Ledger {
	if m.cluster == nil {
		return m.opt.Store
	}
	return m.cluster
}

// Clustered reports whether a cluster is configured.
func (m *Member) Clustered() bool { return m.cluster != nil }

// Adopt makes a plan the one that this machine shares. New connections to the engine
// use the CA and the certificate of c; connections that are open stay so.
func (m *Member) Adopt(c config.Cluster, specs *plan.Plan) {
	if m.cluster == nil {
		return
	}
	if m.tls.Load() != nil && c.TLS != nil {
		m.tls.Store(c.TLS)
	}
	is := newShared(specs)
	if was := m.shared.Swap(is); was != nil {
		m.cluster.Added(is.missingFrom(was))
	}
}

// Run connects to the others until the returned function is called, which first
// shares what is still unshared.
func (m *Member) Run(ctx context.Context) (end func()) {
	if m.cluster == nil {
		return func() {}
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.cluster.Run(running)
	}()
	return func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		m.cluster.Flush(last)
		stop()
		select {
		case <-ended:
		case <-last.Done(): // Do not wait for an engine that does not answer.
		}
		_ = m.cluster.Close()
	}
}

// flushTime limits how long stopping waits for the engine.
const flushTime = 400 * time.Millisecond

// Patient makes calls wait until this machine has joined. Call it before Run.
func (m *Member) Patient() {
	if m.cluster != nil {
		m.cluster.Patient()
	}
}

// TakeOver allows the next call for each of the names although the outcome of an
// earlier one is unknown, until the returned function is called.
func (m *Member) TakeOver(names []string) (withdraw func()) {
	if m.cluster == nil {
		return func() {}
	}
	return m.cluster.TakeOver(names)
}

// Exclusive runs a command while no other command with that name runs.
func (m *Member) Exclusive(ctx context.Context, name string, longest time.Duration, run func(context.Context) error) error {
	if m.cluster != nil {
		return m.cluster.Exclusive(ctx, name, longest, run)
	}
	lock, _ := m.commands.LoadOrStore(name, &sync.Mutex{})
	mu, ok := lock.(*sync.Mutex)
	if !ok || !mu.TryLock() {
		return &credential.Fault{Reason: credential.ReasonInternal, Message: fmt.Sprintf("it waits for another command %q", name)}
	}
	defer mu.Unlock()
	return run(ctx)
}

// Leave moves all shared records back to this machine.
func (m *Member) Leave(ctx context.Context) error {
	if m.cluster == nil {
		return errNoCluster
	}
	return m.cluster.Leave(ctx)
}

var errNoCluster = errors.New("this machine is not in a cluster: the configuration has no [cluster]")

// LeaveWhenReached is Leave for a machine that has just started to run and may
// not have reached the engine yet.
func (m *Member) LeaveWhenReached(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	for {
		err := m.Leave(ctx)
		if err == nil || m.cluster == nil || m.cluster.Up() || ctx.Err() != nil {
			return err
		}
		pause, cancel := context.WithTimeout(ctx, leaveAgain)
		<-pause.Done()
		cancel()
	}
}

// leaveTime limits how long leaving waits for the engine, which it tries this often.
const (
	leaveTime  = 15 * time.Second
	leaveAgain = 200 * time.Millisecond
)

// Status returns what status --cluster shows, or false without a cluster.
func (m *Member) Status() (cluster.Status, bool) {
	if m.cluster == nil {
		return cluster.Status{}, false
	}
	return m.cluster.Status(), true
}

// Metrics returns what the metrics show. There must be a cluster.
func (m *Member) Metrics() metrics.ClusterState {
	s := m.cluster.Status()
	state := metrics.ClusterState{Up: s.Engine.Up, Differing: len(m.cluster.Differing()), Seen: map[string]time.Time{}}
	for _, machine := range s.Machines {
		state.Seen[machine.Name] = machine.LastSeen
	}
	for _, i := range s.Intents {
		state.Intents = append(state.Intents, metrics.ClusterIntent{Credential: i.Credential, Node: i.Node, At: i.At})
	}
	return state
}

// Problem says what is wrong between the machines. It is empty if nothing is.
func (m *Member) Problem() string {
	if m.cluster == nil {
		return ""
	}
	if since := m.cluster.AloneSince(); !since.IsZero() {
		return "engine away: alone since " + since.UTC().Format(time.RFC3339)
	}
	if others := m.cluster.Differing(); len(others) > 0 {
		return "machines differ: " + strings.Join(others, ", ") + " has other providers, credentials or renewal settings than this machine"
	}
	return ""
}
