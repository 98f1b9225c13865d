package daemon

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/metrics"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
)

// openCluster opens the ledger that this machine shares with others. It returns nil
// if no cluster is configured.
func (d *Daemon) openCluster(cfg *config.Config, state store.State) (*cluster.Cluster, error) {
	c := cfg.Cluster
	if len(c.Endpoints) == 0 {
		return nil, nil
	}
	kv, err := cluster.Etcd(etcdOptions(c, d.metrics.ObserveCluster))
	if err != nil {
		return nil, err
	}
	return cluster.New(cluster.Options{
		KV: kv, Local: d.store, Node: c.Node, Version: d.opt.Version, Name: c.Prefix, Key: c.Key, OldKeys: c.OldKeys,
		Alone: cluster.Alone(c.Alone), Held: state.Records,
		Spec: d.shared, Names: d.sharedNames, Hash: d.sharedHash,
		Learn: d.learn,
		Cooldown: func(ctx context.Context, provider string, r schedule.ProviderRecord) {
			_ = d.engine.LearnProvider(ctx, provider, r) // It fails only while the daemon stops.
		},
		Warn: func(message, name, detail string) {
			fields := []zap.Field{zap.String("detail", detail)}
			if name != "" {
				fields = append(fields, zap.String("credential", name))
			}
			d.log.Warn(message, fields...)
		},
	})
}

func etcdOptions(c config.Cluster, observe func(op, result string, took time.Duration)) cluster.EtcdOptions {
	return cluster.EtcdOptions{
		Endpoints: c.Endpoints, Prefix: c.Prefix, TLS: c.TLS, Username: c.Username, Password: c.Password.Reveal(), Observe: observe,
	}
}

func (d *Daemon) learn(ctx context.Context, name string, r schedule.Record) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, learnTime)
	defer cancel()
	err := d.store.Save(ctx, schedule.Key{Kind: schedule.Obtaining, Name: name}, r)
	if err == nil && !d.offline {
		err = d.engine.Learn(ctx, name, r)
	}
	return err == nil, err
}

// learnTime limits how long news from another machine waits for the engine.
const learnTime = 10 * time.Second

// sharedPlan is what the cluster needs to know of the configuration.
type sharedPlan struct {
	specs map[string]*plan.Credential
	rates map[string][]schedule.Rate // by provider
	names []string
	hash  string
}

// sharedHashOf hashes the part of a plan that all machines share. It leaves out
// secrets: what is derived from them must not leave a machine.
func sharedHashOf(specs *plan.Plan) string {
	sum := sha256.New()
	byName := func(a, b plan.Provider) int { return cmp.Compare(a.Name, b.Name) }
	for _, p := range slices.SortedFunc(slices.Values(specs.Providers), byName) {
		fmt.Fprintf(sum, "%q %q %v %d\n", p.Name, p.Type, p.Rates, p.Concurrency)
	}
	lines := make([]string, len(specs.Credentials))
	for i := range specs.Credentials {
		c := &specs.Credentials[i]
		p := c.Policy
		p.Schedule = nil
		lines[i] = fmt.Sprintf("%q %q %q %q %v %v %+v\n", c.Name, c.Provider, c.Type, c.Identity, c.Needs, c.Fields, p)
	}
	slices.Sort(lines)
	for _, line := range lines {
		_, _ = io.WriteString(sum, line)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// shareOut publishes the shared part of a plan.
func (d *Daemon) shareOut(specs *plan.Plan) {
	s := &sharedPlan{specs: make(map[string]*plan.Credential, len(specs.Credentials)), hash: sharedHashOf(specs), rates: map[string][]schedule.Rate{}}
	for _, p := range specs.Providers {
		s.rates[p.Name] = p.Rates
	}
	for i := range specs.Credentials {
		c := &specs.Credentials[i]
		s.specs[c.Name] = c
		s.names = append(s.names, c.Name)
	}
	was := d.sharing.Swap(s)
	if d.cluster == nil || was == nil {
		return
	}
	d.cluster.Added(slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { return was.specs[name] != nil }))
}

func (d *Daemon) shared(name string) (cluster.Spec, bool) {
	sharing := d.sharing.Load()
	c := sharing.specs[name]
	if c == nil {
		return cluster.Spec{}, false
	}
	return cluster.Spec{
		Timeout: c.Policy.Timeout, Grace: graceOf(c.Source), Identity: c.Identity, Inputs: c.Inputs, Digest: c.Shared,
		Provider: c.Provider, Rates: sharing.rates[c.Provider],
		Ability: func(held schedule.Record) cluster.Ability { return abilityOf(c.Source, held.Token().Credential) },
	}, true
}

func (d *Daemon) sharedNames() []string { return d.sharing.Load().names }
func (d *Daemon) sharedHash() string    { return d.sharing.Load().hash }

// graceOf returns how long a single-use seed is accepted again.
func graceOf(source credential.Provider) (grace time.Duration) {
	if o, ok := source.(credential.OneWayer); ok {
		_, grace = o.OneWay()
	}
	return grace
}

// abilityOf returns what the next renewal may do at the backend.
func abilityOf(source credential.Provider, held credential.Credential) cluster.Ability {
	if s, ok := source.(credential.Spender); ok && s.Spends(held) {
		if o, ok := source.(credential.OneWayer); ok {
			if only, _ := o.OneWay(); only {
				return cluster.Spends
			}
		}
		return cluster.SpendsElse
	}
	if r, ok := source.(credential.Revoker); ok && r.Revokes() {
		return cluster.Revokes
	}
	return cluster.Plain
}

func (d *Daemon) clusterState() metrics.ClusterState {
	s := d.cluster.Status()
	state := metrics.ClusterState{Up: s.Engine.Up, Differing: len(d.cluster.Differing()), Seen: map[string]time.Time{}}
	for _, m := range s.Machines {
		state.Seen[m.Name] = m.LastSeen
	}
	for _, i := range s.Intents {
		state.Intents = append(state.Intents, metrics.ClusterIntent{Credential: i.Credential, Node: i.Node, At: i.At})
	}
	return state
}

// replaceSeed allows a login to be saved whatever happened to the previous seed,
// because a login does not use that seed.
func (d *Daemon) replaceSeed(name string) (end func()) {
	if d.cluster == nil {
		return func() {}
	}
	return d.cluster.TakeOver([]string{name})
}

// LeaveCluster moves all shared records back to this machine.
func (d *Daemon) LeaveCluster(ctx context.Context) error {
	if d.cluster == nil {
		return errNoCluster
	}
	return d.cluster.Leave(ctx)
}

var errNoCluster = errors.New("this machine is not in a cluster: the configuration has no [cluster]")

// Leave is LeaveCluster while the daemon is not running.
func Leave(ctx context.Context, opt Options) error {
	d, err := New(opt)
	if err != nil {
		return err
	}
	defer d.Close() //nolint:contextcheck // closing has its own timeout
	if d.cluster == nil {
		return errNoCluster
	}
	d.offline = true
	defer d.share(ctx)()
	ctx, cancel := context.WithTimeout(ctx, leaveTime)
	defer cancel()
	for {
		err := d.cluster.Leave(ctx)
		if err == nil || d.cluster.Up() || ctx.Err() != nil {
			return err
		}
		pause, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
		<-pause.Done()
		cancel()
	}
}

// leaveTime limits how long leaving waits for the engine.
const leaveTime = 15 * time.Second

// Cluster returns what status --cluster shows, or false without a cluster.
func (d *Daemon) Cluster() (cluster.Status, bool) {
	if d.cluster == nil {
		return cluster.Status{}, false
	}
	return d.cluster.Status(), true
}

// share runs the cluster until the returned function is called, which first shares
// what is still unshared.
func (d *Daemon) share(ctx context.Context) (end func()) {
	if d.cluster == nil {
		return func() {}
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.cluster.Run(running)
	}()
	return func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTime)
		defer cancel()
		d.cluster.Flush(last)
		stop()
		select {
		case <-ended:
		case <-last.Done(): // Do not wait for an engine that does not answer.
		}
		_ = d.cluster.Close()
	}
}

// flushTime limits how long stopping waits for the engine.
const flushTime = 400 * time.Millisecond

// clusterTrouble says what is wrong between the machines. It is empty if nothing is.
func (d *Daemon) clusterTrouble() string {
	if d.cluster == nil {
		return ""
	}
	if since := d.cluster.AloneSince(); !since.IsZero() {
		return "engine away: alone since " + since.UTC().Format(time.RFC3339)
	}
	if others := d.cluster.Differing(); len(others) > 0 {
		return "machines differ: " + strings.Join(others, ", ") + " has other providers, credentials or renewal settings than this machine"
	}
	return ""
}

// exclusive runs a command while no other command with that name runs.
func (d *Daemon) exclusive(ctx context.Context, name string, longest time.Duration, run func(context.Context) error) error {
	if d.cluster != nil {
		return d.cluster.Exclusive(ctx, name, longest, run)
	}
	lock, _ := d.commands.LoadOrStore(name, &sync.Mutex{})
	mu, ok := lock.(*sync.Mutex)
	if !ok || !mu.TryLock() {
		return &credential.Fault{Reason: credential.ReasonInternal, Message: fmt.Sprintf("it waits for another command %q", name)}
	}
	defer mu.Unlock()
	return run(ctx)
}
