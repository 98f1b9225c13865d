// Package doctor checks, as the current user and in the current sandbox, that a
// configuration will work: that the state and every sink can be written, every hook
// found and every backend reached. It renews nothing, changes nothing and leaves
// nothing behind.
package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/daemon/transport"
	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/realpath"
)

// Finding is the result of one check.
type Finding struct {
	// Check names what was checked: "state", "sink till", "hook till",
	// "provider vault".
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	// Detail tells what is wrong and what to do, or what is in order.
	Detail string `json:"detail"`
	// Unit contains the lines that fix it in the [Service] section of a drop-in,
	// if the service's sandbox is the cause.
	Unit []string `json:"unit,omitempty"`
}

// blocked is a failure that lines in the unit fix.
type blocked struct {
	error
	unit []string
}

// Unwrap returns the failure.
func (b *blocked) Unwrap() error { return b.error }

// withLines adds the lines of the unit to a failure.
func withLines(err error, unit []string) error {
	if len(unit) == 0 {
		return err
	}
	return &blocked{fmt.Errorf("%w; under systemd add to the unit: %s", err, strings.Join(unit, ", ")), unit}
}

// Limits of an examination.
const (
	checkTime    = 10 * time.Second
	checksAtOnce = 16
	clockTrouble = 30 * time.Second
)

// Options of an examination. Transport is used to reach backends.
type Options struct {
	Load      load.Options
	Transport transport.Lender
}

// Examine checks everything. It needs no running daemon, and does not disturb one.
// It returns a *load.ConfigError if the configuration is invalid.
func Examine(ctx context.Context, opt Options) ([]Finding, error) {
	return examine(ctx, opt, func(e *examination) {
		e.state()
		e.cluster()
		for _, s := range e.plan.Sinks {
			e.sink(s)
		}
		e.notices()
		e.missing()
		e.providers()
	})
}

// Probe checks the backends only.
func Probe(ctx context.Context, opt Options) ([]Finding, error) {
	return examine(ctx, opt, (*examination).providers)
}

// examination collects findings in the order in which the checks were started.
type examination struct {
	ctx    context.Context //nolint:containedctx // lives for one call
	loaded *load.Loaded
	plan   *plan.Plan
	clocks *clockNotes
	around sandbox

	running sync.WaitGroup
	bound   chan struct{}
	found   []*Finding
}

func examine(ctx context.Context, opt Options, work func(*examination)) ([]Finding, error) {
	clocks := &clockNotes{}
	opt.Transport.Observe = clocks.note
	opt.Load.Lend = opt.Transport.Lend
	loader := load.New(opt.Load)
	loaded := loader.Load()
	if err := loaded.Err(); err != nil {
		return nil, err
	}
	defer loaded.Close()
	_ = loader.Change(loaded, nil)
	e := &examination{ctx: ctx, loaded: loaded, plan: loaded.Plan(), clocks: clocks, around: readSandbox(), bound: make(chan struct{}, checksAtOnce)}
	work(e)
	e.running.Wait()
	out := make([]Finding, len(e.found))
	for i, f := range e.found {
		out[i] = *f
	}
	return out, context.Cause(ctx)
}

// missing reports missing files and variables, and suspicious secrets.
func (e *examination) missing() {
	for _, f := range e.loaded.MissingFaults {
		e.found = append(e.found, &Finding{Check: f.Key, Detail: f.Message})
	}
	for _, f := range slices.Concat(e.loaded.Slips, e.loaded.Config.Ending) {
		e.found = append(e.found, &Finding{Check: f.Key, OK: true, Detail: "warning: " + f.Message})
	}
	for _, d := range e.loaded.Dangers {
		e.found = append(e.found, &Finding{Check: "provider " + d.Provider, OK: true, Detail: "warning: " + d.Message})
	}
}

// check runs one check concurrently with others; good is its detail on success.
func (e *examination) check(name, good string, look func(ctx context.Context) error) {
	f := &Finding{Check: name}
	e.found = append(e.found, f)
	e.running.Go(func() {
		e.bound <- struct{}{}
		defer func() { <-e.bound }()
		ctx, cancel := context.WithTimeout(e.ctx, checkTime)
		defer cancel()
		err := answered(ctx, look)
		if r, ok := errors.AsType[*remark](err); ok {
			err, good = nil, r.text
		}
		if err != nil {
			f.Detail = err.Error()
			if b, ok := errors.AsType[*blocked](err); ok {
				f.Unit = b.unit
			}
			return
		}
		f.OK, f.Detail = true, good
	})
}

// answered runs a check that may hang forever, for example on an unreachable file
// server, and gives up after a timeout.
func answered(ctx context.Context, look func(ctx context.Context) error) error {
	end := make(chan error, 1)
	go func() { end <- look(ctx) }()
	select {
	case err := <-end:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-end: // it has a better explanation
		return err
	case <-time.After(time.Second):
		return fmt.Errorf("no answer within %s (check the disk, or the file server behind it)", checkTime)
	}
}

// state checks the state directory without opening files of a running daemon.
func (e *examination) state() {
	dir := e.loaded.Config.Daemon.StateDir
	e.check("state", dir+" can be written", func(context.Context) error {
		if info, err := os.Stat(dir); err != nil {
			return fmt.Errorf("check %s: %w (expected a folder of the daemon's user; the daemon creates it, or StateDirectory=vigente under systemd)", dir, reasonOfPath(err))
		} else if !info.IsDir() {
			return fmt.Errorf("%s is not a folder (expected one of the daemon's user)", dir)
		}
		if err := exposed(dir); err != nil {
			return err
		}
		if err := tryWriting(dir); err != nil {
			return withLines(err, e.around.linesFor(filepath.Join(dir, "state.db"), "", "", err))
		}
		return store.Examine(dir, store.Options{Key: e.loaded.Config.Daemon.Key()})
	})
}

// cluster checks that this machine can use the etcd of the cluster.
func (e *examination) cluster() {
	c := e.loaded.Config.Cluster
	if len(c.Endpoints) == 0 {
		return
	}
	e.check("cluster", "the engine grants "+c.Prefix+"/ to this machine", func(ctx context.Context) error {
		warnings, err := cluster.Examine(ctx, cluster.EtcdOptions{
			Endpoints: c.Endpoints, Prefix: c.Prefix, TLS: func() *tls.Config { return c.TLS }, Username: c.Username, Password: c.Password.Reveal(),
		}, c.Node)
		if err == nil && len(warnings) > 0 {
			return &remark{"warning: " + strings.Join(warnings, "; ")}
		}
		return err
	})
}

// exposed reports files of the state that others own or can access.
func exposed(dir string) error {
	found, err := store.Exposed(dir)
	if err != nil {
		return fmt.Errorf("check %s: %w", dir, reasonOfPath(err))
	}
	var problems []error
	for _, f := range found {
		if f.Foreign {
			problems = append(problems, f.Err())
			continue
		}
		problems = append(problems, fmt.Errorf("%s: %s (must be closed to them; the daemon does that when it starts)", f.Path, f))
	}
	return errors.Join(problems...)
}

// roomForState is the free space that the state needs.
const roomForState = store.Headroom

// tryWriting writes data to a folder, syncs, and removes it. An empty file would
// prove nothing, because a full disk allows it.
func tryWriting(dir string) (err error) {
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return fmt.Errorf("write to %s: %w (expected a folder of the daemon's user)", dir, reasonOfPath(err))
	}
	_, err = f.Write(make([]byte, roomForState))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		return fmt.Errorf("write to %s: %w (expected a working disk with free space)", dir, reasonOfPath(err))
	}
	return nil
}

func (e *examination) sink(s plan.Sink) {
	if p, ok := s.Sink.(credential.Preflighter); ok {
		e.check("sink "+s.Name, s.Path+" can be written", func(ctx context.Context) error {
			owner, group := e.loaded.OwnerOf(s.Name)
			err := p.Preflight(ctx)
			point, mounted := e.around.unwritable(filepath.Dir(realpath.Of(s.Path)))
			switch {
			case err != nil && mounted:
				return fmt.Errorf("%w; the file system at %s is mounted read-only: remount it read-write, or use another folder", credential.AsFault(err), point)
			case err != nil:
				return withLines(credential.AsFault(err), e.around.linesFor(s.Path, owner, group, err))
			case s.File == "":
				return nil
			case e.around.private(realpath.Of(s.Path)):
				return withLines(fmt.Errorf("write %s: only this service would see it, because it has a private %s (use another folder, or remove PrivateTmp=)",
					s.Path, e.around.at(realpath.Of(s.Path)).point), e.around.linesFor(s.Path, owner, group, nil))
			}
			return e.whole(ctx, s.Path, owner, group)
		})
	}
	if h, ok := s.Hook.(interface{ Program() (string, error) }); ok {
		e.check("hook "+s.Name, "its command exists", func(context.Context) error { return e.hook(h.Program()) })
	}
}

// remark is a finding that is no failure.
type remark struct{ text string }

// Error returns the text.
func (r *remark) Error() string { return r.text }

// whole adds a remark if a file cannot be replaced as a whole.
func (e *examination) whole(ctx context.Context, path, owner, group string) error {
	why := atomicfile.WhyInPlace(ctx, path, atomicfile.Options{Owner: owner, Group: group})
	if why == nil {
		return nil
	}
	return &remark{fmt.Sprintf("%s can be written, but not replaced as a whole: %v; a crash of the machine at that moment may leave it incomplete "+
		"(give the file to the daemon's user and a group of its reader, or keep a backup)", path, why)}
}

// hook checks the program of a hook.
func (e *examination) hook(program string, err error) error {
	if err != nil {
		if line, hidden := e.around.hidden(program); hidden && program != "" {
			return withLines(err, []string{strings.Replace(line, "=no", "=read-only", 1)})
		}
		return err
	}
	info, err := os.Stat(program)
	if err != nil {
		return fmt.Errorf("check %s: %w", program, reasonOfPath(err))
	}
	trouble, line := e.around.hookTrouble(program, info.Mode())
	switch {
	case trouble == "":
		return nil
	case line == "":
		return errors.New(trouble)
	}
	return withLines(errors.New(trouble), []string{line})
}

// providers contacts every backend once, whatever the number of its credentials,
// and checks every command that prints a token.
func (e *examination) providers() {
	probers := map[string]credential.Prober{}
	commands := map[string]bool{}
	for _, c := range e.plan.Credentials {
		switch source := c.Source.(type) {
		case credential.Commander:
			commands[c.Provider] = true
			e.check("credential "+c.Name, "its command "+source.Command()+" can be run", source.Probe)
		case credential.Prober:
			if probers[c.Provider] == nil {
				probers[c.Provider] = source
			}
		}
	}
	for _, p := range e.plan.Providers {
		prober := probers[p.Name]
		switch {
		case commands[p.Name]:
			continue
		case prober == nil:
			f := Finding{Check: "provider " + p.Name, OK: true, Detail: "no credential uses it, so it was not called"}
			e.found = append(e.found, &f)
			continue
		}
		e.check("provider "+p.Name, "its backend answers, and the clocks agree", func(ctx context.Context) error {
			if err := prober.Probe(ctx); err != nil {
				return credential.AsFault(err)
			}
			if off := e.clocks.of(p.Name); off.Abs() > clockTrouble {
				return fmt.Errorf("its clock and ours differ by %s: check the time synchronisation of this machine (timedatectl)", off.Abs().Round(time.Second))
			}
			return nil
		})
	}
}

// readOnly reports whether the folder is on a read-only mount, as in a sandbox.
func readOnly(folder string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(folder, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0
}

// reasonOfPath removes the path, which the surrounding message contains.
func reasonOfPath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// clockNotes keeps the latest offset of each provider's clock.
type clockNotes struct {
	mu  sync.Mutex
	off map[string]time.Duration
}

func (c *clockNotes) note(provider string, offset time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.off == nil {
		c.off = map[string]time.Duration{}
	}
	c.off[provider] = offset
}

func (c *clockNotes) of(provider string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.off[provider]
}

// Healthy reports whether all findings are good, and lists those that are not.
func Healthy(findings []Finding) (bool, string) {
	var bad []string
	for _, f := range findings {
		if !f.OK {
			bad = append(bad, f.Check)
		}
	}
	return len(bad) == 0, strings.Join(bad, ", ")
}
