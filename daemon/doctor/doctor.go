// Package doctor proves, as the present user and in the present sandbox, that
// what a configuration asks for can be done: the state and every sink written,
// every hook found, every backend reached. It renews nothing, changes nothing and
// leaves nothing behind.
package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
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

// Finding is what one check of the doctor found.
type Finding struct {
	// Check names what was looked at: "state", "sink till", "hook till",
	// "provider vault".
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	// Detail says what is wrong and what to do, or what was found good.
	Detail string `json:"detail"`
	// Unit holds the lines that cure it in the [Service] section of a drop-in,
	// where the service's sandbox is in the way.
	Unit []string `json:"unit,omitempty"`
}

// blocked is a failure that lines in the unit cure.
type blocked struct {
	error
	unit []string
}

// Unwrap returns the failure.
func (b *blocked) Unwrap() error { return b.error }

// cured says the lines of the unit along with a failure.
func cured(err error, unit []string) error {
	if len(unit) == 0 {
		return err
	}
	return &blocked{fmt.Errorf("%w; under systemd add to the unit: %s", err, strings.Join(unit, ", ")), unit}
}

// Bounds of an examination.
const (
	checkTime    = 10 * time.Second
	checksAtOnce = 16
	clockTrouble = 30 * time.Second
)

// Options say what to examine. Transport is what backends are reached with.
type Options struct {
	Load      load.Options
	Transport transport.Lender
}

// Examine looks at everything. It needs no running daemon, and does not disturb
// one. It returns a *load.ConfigError when the configuration cannot be used.
func Examine(ctx context.Context, opt Options) ([]Finding, error) {
	return examine(ctx, opt, func(e *examination) {
		e.state()
		e.cluster()
		for _, s := range e.plan.Sinks {
			e.sink(s)
		}
		e.missing()
		e.providers()
	})
}

// Probe is the part of Examine that reaches the backends.
func Probe(ctx context.Context, opt Options) ([]Finding, error) {
	return examine(ctx, opt, (*examination).providers)
}

// examination collects findings in the order in which they were asked for.
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

// missing tells what keeps credentials from being obtained, and what looks like
// an accident in secrets.
func (e *examination) missing() {
	for _, f := range e.loaded.MissingFaults {
		e.found = append(e.found, &Finding{Check: f.Key, Detail: f.Message})
	}
	for _, f := range e.loaded.Slips {
		e.found = append(e.found, &Finding{Check: f.Key, OK: true, Detail: "warning: " + f.Message})
	}
	for _, d := range e.loaded.Dangers {
		e.found = append(e.found, &Finding{Check: "provider " + d.Provider, OK: true, Detail: "warning: " + d.Message})
	}
}

// check runs one check beside the others; good is said when it finds nothing.
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

// answered runs a look that may hang for good, on the disk of a file server that
// is away, and gives it up when its time is over.
func answered(ctx context.Context, look func(ctx context.Context) error) error {
	end := make(chan error, 1)
	go func() { end <- look(ctx) }()
	select {
	case err := <-end:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-end: // it ended by itself, and knows better why
		return err
	case <-time.After(time.Second):
		return fmt.Errorf("no answer within %s (look at the disk, or at the file server behind it)", checkTime)
	}
}

// state looks at the state directory without opening what a running daemon
// holds.
func (e *examination) state() {
	dir := e.loaded.Config.Daemon.StateDir
	e.check("state", dir+" can be written", func(context.Context) error {
		if info, err := os.Stat(dir); err != nil {
			return fmt.Errorf("look at %s: %w (expected a folder of the daemon's user; the daemon makes it, under systemd StateDirectory=vigente does)", dir, reasonOfPath(err))
		} else if !info.IsDir() {
			return fmt.Errorf("%s is not a folder (expected one of the daemon's user)", dir)
		}
		if err := exposed(dir); err != nil {
			return err
		}
		if err := tryWriting(dir); err != nil {
			return cured(err, e.around.linesFor(filepath.Join(dir, "state.db"), "", "", err))
		}
		return nil
	})
}

// cluster proves that this machine can use the engine that it shares with others.
func (e *examination) cluster() {
	c := e.loaded.Config.Cluster
	if len(c.Endpoints) == 0 {
		return
	}
	e.check("cluster", "the engine grants "+c.Prefix+"/ to this machine", func(ctx context.Context) error {
		warnings, err := cluster.Examine(ctx, cluster.EtcdOptions{
			Endpoints: c.Endpoints, Prefix: c.Prefix, TLS: c.TLS, Username: c.Username, Password: c.Password.Reveal(),
		}, c.Node)
		if err == nil && len(warnings) > 0 {
			return &remark{"warning: " + strings.Join(warnings, "; ")}
		}
		return err
	})
}

// exposed reports what others own or can reach of the state.
func exposed(dir string) error {
	found, err := store.Exposed(dir)
	if err != nil {
		return fmt.Errorf("look at %s: %w", dir, reasonOfPath(err))
	}
	var problems []error
	for _, f := range found {
		if f.Foreign {
			problems = append(problems, f.Err())
			continue
		}
		problems = append(problems, fmt.Errorf("%s: %s (expected to be closed to them, which the daemon does when it starts)", f.Path, f))
	}
	return errors.Join(problems...)
}

// roomForState is what the doctor asks of the disk: what the state asks of it.
const roomForState = store.Headroom

// tryWriting writes to a folder, syncs, and leaves no trace. An empty file alone
// says nothing: a full disk allows it.
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
		return fmt.Errorf("write to %s: %w (expected a disk in order, with room)", dir, reasonOfPath(err))
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
				return fmt.Errorf("%w; the file system at %s is mounted read-only: mount it for writing, or choose another folder", credential.AsFault(err), point)
			case err != nil:
				return cured(credential.AsFault(err), e.around.linesFor(s.Path, owner, group, err))
			case s.File == "":
				return nil
			case e.around.private(realpath.Of(s.Path)):
				return cured(fmt.Errorf("write %s: nobody but this service would see it, which has %s of its own (expected another folder, or no PrivateTmp=)",
					s.Path, e.around.at(realpath.Of(s.Path)).point), e.around.linesFor(s.Path, owner, group, nil))
			}
			return e.whole(ctx, s.Path, owner, group)
		})
	}
	if h, ok := s.Hook.(interface{ Program() (string, error) }); ok {
		e.check("hook "+s.Name, "its command is there", func(context.Context) error { return e.hook(h.Program()) })
	}
}

// remark is what a look found that is good enough, and worth a word.
type remark struct{ text string }

// Error returns the text.
func (r *remark) Error() string { return r.text }

// whole remarks on a file that cannot be replaced as a whole.
func (e *examination) whole(ctx context.Context, path, owner, group string) error {
	why := atomicfile.WhyInPlace(ctx, path, atomicfile.Options{Owner: owner, Group: group})
	if why == nil {
		return nil
	}
	return &remark{fmt.Sprintf("%s can be written, but not replaced as a whole: %v; a crash of the machine in that moment may leave half of it "+
		"(give the file to the daemon's user and a group that its reader is in, or keep a backup)", path, why)}
}

// hook looks at the program of a hook.
func (e *examination) hook(program string, err error) error {
	if err != nil {
		if line, hidden := e.around.hidden(program); hidden && program != "" {
			return cured(err, []string{strings.Replace(line, "=no", "=read-only", 1)})
		}
		return err
	}
	info, err := os.Stat(program)
	if err != nil {
		return fmt.Errorf("look at %s: %w", program, reasonOfPath(err))
	}
	trouble, line := e.around.hookTrouble(program, info.Mode())
	switch {
	case trouble == "":
		return nil
	case line == "":
		return errors.New(trouble)
	}
	return cured(errors.New(trouble), []string{line})
}

// providers reaches every backend once, whatever the number of its credentials,
// and looks for every command that prints a token.
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
			f := Finding{Check: "provider " + p.Name, OK: true, Detail: "no credential of it is configured, so it was not called"}
			e.found = append(e.found, &f)
			continue
		}
		e.check("provider "+p.Name, "its backend answers, and the clocks agree", func(ctx context.Context) error {
			if err := prober.Probe(ctx); err != nil {
				return credential.AsFault(err)
			}
			if off := e.clocks.of(p.Name); off.Abs() > clockTrouble {
				return fmt.Errorf("its clock and ours are %s apart: look at the time service of this machine (timedatectl)", off.Abs().Round(time.Second))
			}
			return nil
		})
	}
}

// readOnly reports whether the folder lies on a file system that is mounted
// read-only, as a sandbox does.
func readOnly(folder string) bool {
	var fs unix.Statfs_t
	return unix.Statfs(folder, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0
}

// reasonOfPath drops the path, which the message around it says already.
func reasonOfPath(err error) error {
	if p, ok := errors.AsType[*os.PathError](err); ok {
		return p.Err
	}
	return err
}

// clockNotes keeps the last offset of each provider's clock.
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

// Healthy reports whether every finding is good, and names those that are not.
func Healthy(findings []Finding) (bool, string) {
	var bad []string
	for _, f := range findings {
		if !f.OK {
			bad = append(bad, f.Check)
		}
	}
	return len(bad) == 0, strings.Join(bad, ", ")
}
