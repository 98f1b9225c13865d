// Package load turns the files of a configuration into a plan, and compares it
// with the current configuration.
//
// Load does everything that can fail: it reads, opens and checks. It calls no
// backend, touches no target and does not change the current configuration. The
// caller applies the Change of what was loaded and then calls Adopt. The commands
// check, plan, doctor and simulate, a start and a reload all use this package.
//
// A fault in the configuration makes all of it unusable. If something it refers to
// is missing, such as a secret, only the credentials that need it are affected:
// they are parked, or continue with the value read before.
package load

import (
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

// Options make a Loader.
type Options struct {
	// Path is the main file.
	Path   string
	Config config.Options
	// Providers and Sinks are the available kinds.
	Providers []providers.Kind
	Sinks     []sinks.Kind
	// Lend makes the environment of one provider, and a function that releases it
	// when the provider is no longer used. The location is the time zone of dates
	// that state none. The loader adds the function that receives warnings.
	Lend func(provider string, location *time.Location) (env providers.Env, release func())
	// SinkEnv is the environment of every sink.
	SinkEnv sinks.Env
	// CheckOnly means only the faults are needed: no plan can be made, and hardly
	// anything is kept of each row.
	CheckOnly bool
	// Now returns the time shown to people. It may be nil.
	Now func() time.Time
	// Devices limits the work on file systems that may hang.
	Devices *devices.Pool
}

// Loader loads one configuration repeatedly. It is not safe for concurrent use.
type Loader struct {
	opt     Options
	seed    maphash.Seed
	opened  uint64
	accept  Accept
	key     *hostKey
	adopted bool
	now     *Loaded // the current configuration; empty before the first
	index   index
}

// Accept allows large changes of fleets.
type Accept struct {
	Removals   bool // removing more than half of the rows
	Identities bool // new identities for more than half of the rows
}

// Accept sets what the next load allows.
func (l *Loader) Accept(a Accept) { l.accept = a }

// New returns a loader without a current configuration.
func New(opt Options) *Loader {
	return &Loader{opt: opt, seed: maphash.MakeSeed(), key: &hostKey{}, now: newLoaded(&config.Config{})}
}

// Loaded is one configuration that was read, opened and checked.
type Loaded struct {
	Config *config.Config
	// Faults are what is wrong, in the order of files and lines. If there are any,
	// there is no plan.
	Faults []section.Fault
	// Missing lists what prevents credentials from being obtained, by credential.
	// MissingFaults lists the same by the key that refers to it.
	Missing       []Missing
	MissingFaults []section.Fault
	// Warnings list what is missing now but was read before. The credentials
	// continue with the old values.
	Warnings []Missing
	// Fleets are the results of tables of rows.
	Fleets []Fleet
	// Slips are probable mistakes in secrets, such as a trailing space.
	Slips []section.Fault
	// Dangers are settings that are allowed but dangerous.
	Dangers []Danger

	providers   []*provider
	credentials []*boundCredential
	sinks       []*openSink

	// By name. A table with faults is listed too.
	provider   map[string]*provider
	credential map[string]*boundCredential
	sink       map[string]*openSink

	fleets []*fleet
	fleet  map[string]*fleet
	gone   []string

	// resumed means the fleets were opened from the current ones; delta is what that
	// changes in the index.
	resumed bool
	delta   map[uint64]int32
}

// Missing is one thing that a credential needs and that cannot be used.
type Missing struct {
	Credential string
	Path       string // of a file, or an environment variable with a dollar sign
	Message    string // includes the path
}

// Danger is a setting that is allowed but dangerous.
type Danger struct{ Provider, Message string }

func newLoaded(cfg *config.Config) *Loaded {
	return &Loaded{
		Config: cfg, provider: map[string]*provider{}, credential: map[string]*boundCredential{}, sink: map[string]*openSink{}, fleet: map[string]*fleet{},
	}
}

// Load reads the files.
func (l *Loader) Load() *Loaded { return l.LoadAs(l.opt.Config) }

// LoadAs is Load with other options for reading the files.
func (l *Loader) LoadAs(opt config.Options) *Loaded {
	path := l.opt.Path
	if len(opt.Given) > 0 {
		path = opt.Given[0].Name
	}
	cfg, _ := config.Load(path, opt) // cfg holds the faults
	return l.Open(cfg)
}

// Open opens a configuration that was read, even one with faults.
func (l *Loader) Open(cfg *config.Config) *Loaded {
	a := &assembly{
		Loaded: newLoaded(cfg), opt: l.opt, was: l.now, seed: l.seed, faults: cfg.Faults(),
		starting: !l.adopted, accept: l.accept, identities: map[identity]owner{}, targets: map[string]*target{},
	}
	a.serials = func() uint64 { l.opened++; return l.opened }
	a.key, a.at = l.key, l.at()
	for _, p := range cfg.Providers {
		a.openProvider(p)
	}
	for _, c := range cfg.Credentials {
		a.bind(c)
	}
	for _, s := range cfg.Sinks {
		a.openSink(s)
	}
	// Sinks with their own table come before rows if two clash.
	a.follow(a.sinks)
	a.checkIdentities()
	a.checkSinks()
	if !a.resume(&l.index) {
		for _, f := range cfg.Fleets {
			a.openFleet(f)
		}
	}
	a.checkNeeds()
	for _, o := range a.sinks {
		a.checkRefs(o)
	}
	if !a.resumed {
		a.checkRows()
	}
	a.noteGone()
	a.finish()
	return a.Loaded
}

// assembly is one configuration while it is opened and checked.
type assembly struct {
	*Loaded
	opt     Options
	was     *Loaded
	seed    maphash.Seed
	serials func() uint64
	key     *hostKey
	at      time.Time // when something missing was noticed
	late    []lateRow
	little  *plan.Credential // what CheckOnly kept of the last row
	// starting means there is no current configuration.
	starting   bool
	accept     Accept
	identities map[identity]owner
	targets    map[string]*target // by path
	reserved   map[string]string  // the daemon's own files, with what each one is
	faults     []section.Fault
}

// finish collects the faults of every table and releases the tables.
func (a *assembly) finish() {
	for _, p := range a.providers {
		a.collect(&p.object)
		for _, line := range p.told {
			a.Dangers = append(a.Dangers, Danger{p.Name, line})
		}
	}
	for _, c := range a.credentials {
		a.collect(&c.object)
		a.park(c)
		a.warn(c.Name, c.provider)
	}
	for _, s := range a.sinks {
		a.collect(&s.object)
	}
	for _, f := range a.fleets {
		if f.base != nil {
			continue // it needs nothing that is missing
		}
		for _, r := range f.rows {
			a.warn(r.name, a.provider[r.credential.Provider])
			for _, m := range r.credential.Missing {
				a.Missing = append(a.Missing, Missing{Credential: r.name, Path: m.Path, Message: m.Message})
			}
		}
	}
	a.Faults = a.Config.Sorted(a.faults)
	a.MissingFaults = a.Config.Sorted(append(a.MissingFaults, a.Config.Ended...))
	a.Slips = a.Config.Sorted(a.Slips)
	if len(a.Faults) > 0 {
		a.Close()
	}
	a.Config.Release()
}

// collect adds the faults of one table and what it is missing.
func (a *assembly) collect(o *object) {
	faults := o.section.Faults()
	if o.complete {
		faults = o.section.Finish()
	}
	for _, f := range slices.Concat(faults, onlyIn(o.missing, faults)) {
		if f.Missing() {
			a.MissingFaults = append(a.MissingFaults, f)
		} else {
			a.faults = append(a.faults, f)
		}
	}
	a.Slips = append(a.Slips, o.section.Slips()...)
	o.section = nil
}

// onlyIn returns what is missing and not among the faults.
func onlyIn(missing, faults []section.Fault) (more []section.Fault) {
	for _, f := range missing {
		if !slices.Contains(faults, f) {
			more = append(more, f)
		}
	}
	return more
}

// park records what prevents a credential from being obtained.
func (a *assembly) park(c *boundCredential) {
	for _, f := range c.absent() {
		a.Missing = append(a.Missing, Missing{Credential: c.Name, Path: f.Path, Message: f.Message})
	}
}

// warn reports that a provider continues with what it read before.
func (a *assembly) warn(credential string, p *provider) {
	if p == nil {
		return
	}
	for _, f := range p.stale {
		a.Warnings = append(a.Warnings, Missing{Credential: credential, Path: f.Path, Message: f.Message})
	}
}

// bound returns what a credential was bound from, or nil if that was not kept.
func (d *Loaded) bound(name string) *boundCredential {
	if c := d.credential[name]; c != nil {
		return c
	}
	if r := d.row(name); r != nil && r.bound != nil {
		return r.bound.credential
	}
	return nil
}

// row returns the row that makes a credential, or nil.
func (d *Loaded) row(name string) *row {
	fleet, _, ok := strings.Cut(name, "/")
	if !ok || d.fleet[fleet] == nil {
		return nil
	}
	return d.fleet[fleet].find(name)
}

// absent returns what a credential and its provider refer to but is missing.
func (c *boundCredential) absent() []section.Fault {
	if c.provider == nil || len(c.provider.missing) == 0 {
		return c.missing
	}
	return append(c.provider.missing[:len(c.provider.missing):len(c.provider.missing)], c.missing...)
}

// Gone returns the files of the current configuration that no longer exist: included
// ones and those of rows, but not the main file.
func (d *Loaded) Gone() []string { return d.gone }

// noteGone finds the files of the current configuration that no longer exist.
func (a *assembly) noteGone() {
	is := map[string]bool{}
	for _, path := range a.Config.SourceFiles() {
		is[path] = true
	}
	for _, path := range a.was.Config.SourceFiles() {
		if !is[path] {
			a.gone = append(a.gone, path)
		}
	}
}

// Close releases what was opened for a configuration that will not be used. It does
// not affect the current one.
func (d *Loaded) Close() {
	for _, p := range d.providers {
		if p.release != nil && p.fresh {
			p.release()
		}
	}
}

// All returns what is wrong and what is missing, in the order of files and lines.
func (d *Loaded) All() []section.Fault {
	return d.Config.Sorted(slices.Concat(d.Faults, d.MissingFaults))
}

// Err returns what is wrong as one error, or nil if the configuration is usable.
func (d *Loaded) Err() error {
	if len(d.Faults) == 0 {
		return nil
	}
	return &ConfigError{Faults: d.Faults}
}

// ConfigError lists every reason why a configuration cannot be used.
type ConfigError struct{ Faults []section.Fault }

// Error returns one fault per line.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}
