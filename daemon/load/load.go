// Package load turns the files of a configuration into a plan, and tells how it
// differs from the one in force.
//
// Load does all that can fail: it reads, opens and checks everything, calls no
// backend, touches no target and leaves alone what is in force. Whoever runs the
// plan takes the Change of what was loaded and then tells the loader that it is
// in force. check, plan, doctor, simulate, a start and a reload all go this way.
//
// What is wrong with the configuration makes it unusable as a whole. What it
// refers to and is missing, such as a secret, harms only the credentials made
// from it: they are parked, or go on with what was read before.
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
	// Providers and Sinks are the catalogues.
	Providers []providers.Kind
	Sinks     []sinks.Kind
	// Lend makes what one provider is lent, and what lets go of it when the
	// provider is no longer used; the location is the one of its dates without a
	// zone. The loader itself receives the warnings of kinds.
	Lend func(provider string, location *time.Location) (env providers.Env, release func())
	// SinkEnv is what every sink is lent.
	SinkEnv sinks.Env
	// CheckOnly says that nothing but faults is wanted: no plan can be made of
	// what was loaded, and of rows hardly anything is kept.
	CheckOnly bool
	// Now tells the time, for people; nil for none.
	Now func() time.Time
	// Devices bounds the work on file systems that may hang.
	Devices *devices.Pool
}

// Loader loads one configuration again and again. It is used by one goroutine
// at a time.
type Loader struct {
	opt     Options
	seed    maphash.Seed
	opened  uint64
	accept  Accept
	key     *hostKey
	adopted bool
	now     *Loaded // in force; without any object before the first
	index   index
}

// Accept says which changes of fleets are taken over though they are large.
type Accept struct {
	Removals   bool // of more than half of the rows
	Identities bool // other ones for more than half of the rows
}

// Accept returns the loader that takes such changes over at its next load.
func (l *Loader) Accept(a Accept) { l.accept = a }

// New returns a loader with nothing in force.
func New(opt Options) *Loader {
	return &Loader{opt: opt, seed: maphash.MakeSeed(), key: &hostKey{}, now: newLoaded(&config.Config{})}
}

// Loaded is one configuration that was read, opened and checked.
type Loaded struct {
	Config *config.Config
	// Faults are what is wrong, in the order of the files and lines. With any of
	// them there is no plan.
	Faults []section.Fault
	// Missing is what keeps credentials from being obtained, by credential.
	// MissingFaults tells the same by the keys that refer to it.
	Missing       []Missing
	MissingFaults []section.Fault
	// Warnings are what is missing by now and was read before: the credentials
	// go on with what they have.
	Warnings []Missing
	// Fleets tell what became of tables of rows.
	Fleets []Fleet
	// Slips are what looks like an accident in secrets.
	Slips []section.Fault
	// Dangers are settings that are allowed and dangerous.
	Dangers []Danger

	providers   []*provider
	credentials []*boundCredential
	sinks       []*openSink

	// By name; an entry says that the table is there, not that it is good.
	provider   map[string]*provider
	credential map[string]*boundCredential
	sink       map[string]*openSink

	fleets []*fleet
	fleet  map[string]*fleet
	gone   []string

	// resumed says that the fleets were opened by what was in force, and delta
	// what that changes in the index.
	resumed bool
	delta   map[uint64]int32
}

// Missing is one thing that a credential is made from and that cannot be used.
type Missing struct {
	Credential string
	Path       string // of a file, or a variable of the environment with a dollar sign
	Message    string // with the path
}

// Danger is a setting that is allowed and dangerous.
type Danger struct{ Provider, Message string }

func newLoaded(cfg *config.Config) *Loaded {
	return &Loaded{
		Config: cfg, provider: map[string]*provider{}, credential: map[string]*boundCredential{}, sink: map[string]*openSink{}, fleet: map[string]*fleet{},
	}
}

// Load reads the files.
func (l *Loader) Load() *Loaded { return l.LoadAs(l.opt.Config) }

// LoadAs is Load with other options for the files.
func (l *Loader) LoadAs(opt config.Options) *Loaded {
	path := l.opt.Path
	if len(opt.Given) > 0 {
		path = opt.Given[0].Name
	}
	cfg, _ := config.Load(path, opt) // its faults are in it
	return l.Open(cfg)
}

// Open opens a configuration that has been read, however well.
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
	// What is written out goes before rows where two clash.
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

// assembly is one configuration on its way to a plan.
type assembly struct {
	*Loaded
	opt     Options
	was     *Loaded
	seed    maphash.Seed
	serials func() uint64
	key     *hostKey
	at      time.Time // of what is found to be missing
	late    []lateRow
	little  *plan.Credential // what was kept of the last row, of a check
	// starting says that nothing is in force yet.
	starting   bool
	accept     Accept
	identities map[identity]owner
	targets    map[string]*target // by path
	reserved   map[string]string  // the daemon's own files, with what they are
	faults     []section.Fault
}

// finish collects the faults of every table and lets go of the tables.
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
			continue // nothing in it is missing
		}
		for _, r := range f.rows {
			a.warn(r.name, a.provider[r.credential.Provider])
			for _, m := range r.credential.Missing {
				a.Missing = append(a.Missing, Missing{Credential: r.name, Path: m.Path, Message: m.Message})
			}
		}
	}
	a.Faults = a.Config.Sorted(a.faults)
	a.MissingFaults = a.Config.Sorted(a.MissingFaults)
	a.Slips = a.Config.Sorted(a.Slips)
	if len(a.Faults) > 0 {
		a.Close()
	}
	a.Config.Release()
}

// collect takes over what is wrong with one table and what it is missing.
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

// onlyIn returns what is missing beside the faults.
func onlyIn(missing, faults []section.Fault) (more []section.Fault) {
	for _, f := range missing {
		if !slices.Contains(faults, f) {
			more = append(more, f)
		}
	}
	return more
}

// park notes what keeps a credential from being obtained.
func (a *assembly) park(c *boundCredential) {
	for _, f := range c.absent() {
		a.Missing = append(a.Missing, Missing{Credential: c.Name, Path: f.Path, Message: f.Message})
	}
}

// warn tells that a provider goes on with what it read before.
func (a *assembly) warn(credential string, p *provider) {
	if p == nil {
		return
	}
	for _, f := range p.stale {
		a.Warnings = append(a.Warnings, Missing{Credential: credential, Path: f.Path, Message: f.Message})
	}
}

// bound finds what a credential was bound from, where that is kept.
func (d *Loaded) bound(name string) *boundCredential {
	if c := d.credential[name]; c != nil {
		return c
	}
	if r := d.row(name); r != nil && r.bound != nil {
		return r.bound.credential
	}
	return nil
}

// row finds the row that makes a credential.
func (d *Loaded) row(name string) *row {
	fleet, _, ok := strings.Cut(name, "/")
	if !ok || d.fleet[fleet] == nil {
		return nil
	}
	return d.fleet[fleet].find(name)
}

// absent is what a credential and its provider refer to and is missing.
func (c *boundCredential) absent() []section.Fault {
	if c.provider == nil || len(c.provider.missing) == 0 {
		return c.missing
	}
	return append(c.provider.missing[:len(c.provider.missing):len(c.provider.missing)], c.missing...)
}

// Gone returns the files of the configuration in force that are no longer there,
// the main file aside: included ones and those of rows.
func (d *Loaded) Gone() []string { return d.gone }

// noteGone finds the files that were a part of what is in force.
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

// Close lets go of what was opened for a configuration that is not taken into
// force. What is in force is left alone.
func (d *Loaded) Close() {
	for _, p := range d.providers {
		if p.release != nil && p.fresh {
			p.release()
		}
	}
}

// All returns what is wrong and what is missing, in the order of the files and
// lines.
func (d *Loaded) All() []section.Fault {
	return d.Config.Sorted(slices.Concat(d.Faults, d.MissingFaults))
}

// Err returns what is wrong as one error, nil when the configuration is usable.
func (d *Loaded) Err() error {
	if len(d.Faults) == 0 {
		return nil
	}
	return &ConfigError{Faults: d.Faults}
}

// ConfigError says that a configuration cannot be used, with every reason.
type ConfigError struct{ Faults []section.Fault }

// Error returns one fault a line.
func (e *ConfigError) Error() string {
	lines := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}
