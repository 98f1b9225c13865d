package daemon

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/disk"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

// AssembleOptions is what a configuration is opened with.
type AssembleOptions struct {
	// Providers and Sinks are the catalogues.
	Providers []providers.Kind
	Sinks     []sinks.Kind
	// ProviderEnv makes what one provider is lent; the location is the one of
	// its dates without a zone.
	ProviderEnv func(provider string, location *time.Location) providers.Env
	// SinkEnv is what every sink is lent.
	SinkEnv sinks.Env
	// DigestKey keys the digests of inputs and targets. It must stay the same
	// over restarts, or everything looks changed.
	DigestKey []byte
	// Disks bounds the work on file systems that may hang; a pool of its own
	// when nil.
	Disks *devices.Pool
}

// Assemble opens every table of a configuration through its kind and makes the
// plan. It does all that can fail, touches no target, calls no backend and
// leaves a running plan alone.
//
// It returns the plan, or nil and every fault there is, those of Load included,
// so that a configuration that did not load well is worth assembling too.
func Assemble(cfg *config.Config, opt AssembleOptions) (*plan.Plan, []section.Fault) {
	if opt.Disks == nil {
		opt.Disks = devices.New()
	}
	a := &assembly{
		cfg: cfg, opt: opt,
		providers:   map[string]*openedProvider{},
		credentials: map[string]*openedCredential{},
		faults:      cfg.Faults(),
	}
	for _, p := range cfg.Providers {
		a.openProvider(p)
	}
	for _, c := range cfg.Credentials {
		a.bind(c)
	}
	for _, s := range cfg.Sinks {
		a.openSink(s)
	}
	a.checkIdentities()
	a.checkNeeds()
	a.checkSinks()
	a.finish()
	if faults := cfg.Sorted(a.faults); len(faults) > 0 {
		return nil, faults
	}
	return a.plan(), nil
}

// assembly is one configuration on its way to a plan.
type assembly struct {
	cfg *config.Config
	opt AssembleOptions

	// By name; an entry says that the table is there, not that it is good.
	providers   map[string]*openedProvider
	credentials map[string]*openedCredential
	sinks       []*openedSink
	targets     map[string]devices.Place // by path
	faults      []section.Fault
}

// opened is what all three kinds of table have in common.
type opened struct {
	section *section.Section
	// complete says that the kind has read the whole table, so that a key it
	// did not ask for is unknown.
	complete bool
}

// good reports whether the kind read the table and found nothing wrong.
func (o *opened) good() bool { return o.complete && !o.section.Failed() }

type openedProvider struct {
	opened
	config.Provider
	backend providers.Backend // may be there, half made, after a fault
	rates   []schedule.Rate
}

type openedCredential struct {
	opened
	config.Credential
	provider *openedProvider // nil when there is none of that name
	binding  providers.Binding
}

type openedSink struct {
	opened
	config.Sink
	binding sinks.Binding
}

func (a *assembly) openProvider(p config.Provider) {
	o := &openedProvider{opened: opened{section: p.Section}, Provider: p}
	a.providers[p.Name] = o
	if p.Type == "" {
		return // reported by Load
	}
	i := slices.IndexFunc(a.opt.Providers, func(k providers.Kind) bool { return k.Name == p.Type })
	if i < 0 {
		p.Section.Faultf("type", "%q is not known (expected %s)", p.Type, names(a.opt.Providers, func(k providers.Kind) string { return k.Name }))
		return
	}
	kind := a.opt.Providers[i]
	o.rates = ratesOf(p, kind)
	stack := contain(func() { o.backend = kind.Open(p.Section, a.opt.ProviderEnv(p.Name, p.Location)) })
	o.complete = stack == ""
	if !p.Section.Failed() && (stack != "" || o.backend == nil) {
		reportBroken(p.Section, "provider", p.Type, stack)
	}
}

// ratesOf returns the budget of a provider: the one that is configured, "" for
// none included, else the one that its kind knows its backend to have.
func ratesOf(p config.Provider, kind providers.Kind) []schedule.Rate {
	if p.Section.Daemon().Has("rate") {
		return p.Rates
	}
	rates, err := schedule.ParseRates(kind.Rate)
	if err != nil {
		p.Section.Faultf("", "the provider kind %s has no usable budget of its own: %v (a fault of vigente: please report it, and set rate meanwhile)", kind.Name, err)
	}
	return rates
}

func (a *assembly) bind(c config.Credential) {
	o := &openedCredential{opened: opened{section: c.Section}, Credential: c, provider: a.providers[c.Provider]}
	a.credentials[c.Name] = o
	switch {
	case c.Provider == "":
		return // reported by Load
	case o.provider == nil && a.cfg.Broken:
		return // it may stand in the file that could not be read
	case o.provider == nil:
		c.Section.Faultf("provider", "there is no provider %q (expected %s)", c.Provider, names(a.cfg.Providers, func(p config.Provider) string { return p.Name }))
		return
	case o.provider.backend == nil:
		return // the provider's own fault says enough
	}
	stack := contain(func() { o.binding = o.provider.backend.Bind(c.Section) })
	o.complete = stack == ""
	// A backend with faults may trip over itself; what the credential's own
	// keys told by then counts.
	if o.provider.good() && !c.Section.Failed() && (stack != "" || o.binding.Source == nil) {
		reportBroken(c.Section, "provider", o.provider.Type, stack)
	}
}

func (a *assembly) openSink(s config.Sink) {
	o := &openedSink{opened: opened{section: s.Section}, Sink: s}
	a.sinks = append(a.sinks, o)
	if s.Type == "" {
		return // reported by Load
	}
	i := slices.IndexFunc(a.opt.Sinks, func(k sinks.Kind) bool { return k.Name == s.Type })
	if i < 0 {
		s.Section.Faultf("type", "%q is not known (expected %s)", s.Type, names(a.opt.Sinks, func(k sinks.Kind) string { return k.Name }))
		return
	}
	stack := contain(func() { o.binding = a.opt.Sinks[i].Open(s.Section, a.opt.SinkEnv) })
	o.complete = stack == ""
	if !s.Section.Failed() && (stack != "" || o.binding.Sink == nil) {
		reportBroken(s.Section, "sink", s.Type, stack)
	}
}

// finish collects the faults of every table.
func (a *assembly) finish() {
	collect := func(o *opened) {
		if o.complete {
			a.faults = append(a.faults, o.section.Finish()...)
			return
		}
		a.faults = append(a.faults, o.section.Faults()...)
	}
	for _, p := range a.cfg.Providers {
		collect(&a.providers[p.Name].opened)
	}
	for _, c := range a.cfg.Credentials {
		collect(&a.credentials[c.Name].opened)
	}
	for _, s := range a.sinks {
		collect(&s.opened)
	}
}

// plan puts together what was opened; there are no faults.
func (a *assembly) plan() *plan.Plan {
	specs := &plan.Plan{}
	inputs := make(map[string]string, len(a.providers))
	places := make(map[string][]plan.Place, len(a.providers))
	for _, p := range a.cfg.Providers {
		inputs[p.Name] = p.Section.Digest(a.opt.DigestKey)
		places[p.Name] = placesOf(p.Section)
		specs.Providers = append(specs.Providers, plan.Provider{
			Name: p.Name, Type: p.Type, Rates: a.providers[p.Name].rates, Concurrency: p.Concurrency,
		})
	}
	for _, c := range a.cfg.Credentials {
		o := a.credentials[c.Name]
		specs.Credentials = append(specs.Credentials, plan.Credential{
			Name: c.Name, Provider: c.Provider, Type: o.provider.Type, Policy: c.Policy,
			Identity: strings.TrimSpace(o.provider.Type + " " + o.binding.Identity),
			Inputs:   inputs[c.Provider] + "." + c.Section.Digest(a.opt.DigestKey),
			Places:   slices.Concat(places[c.Provider], placesOf(c.Section)),
			Needs:    o.binding.Needs, Fields: o.binding.Fields, Limits: o.binding.Limits, Source: o.binding.Source,
		})
	}
	for _, o := range a.sinks {
		spec := plan.Sink{
			Name: o.Name, Type: o.Type, Path: o.binding.Target, File: o.binding.File, Needs: shown(o.binding.Refs),
			Target: o.Section.Digest(a.opt.DigestKey), Sink: o.binding.Sink, Hook: o.binding.Hook,
			Guard: newGuard(o.binding, a.opt.Disks),
		}
		if spec.File != "" {
			spec.Device = a.targets[spec.File].Mount.Device
			spec.Sink = disk.New(a.opt.Disks, spec.File, spec.Sink)
		}
		specs.Sinks = append(specs.Sinks, spec)
	}
	return specs
}

// placesOf returns where the secrets and files of a table stand.
func placesOf(s *section.Section) []plan.Place {
	var places []plan.Place
	for _, p := range s.Places() {
		places = append(places, plan.Place(p))
	}
	return places
}

// shown names the credentials that references show, sorted, each once.
func shown(refs []sinks.RefAt) []string {
	var needs []string
	for _, r := range refs {
		needs = append(needs, r.Credential)
	}
	slices.Sort(needs)
	return slices.Compact(needs)
}

// names lists what may be written, for a fault; a long list is cut.
func names[T any](all []T, name func(T) string) string {
	const most = 12
	if len(all) == 0 {
		return "one to be defined"
	}
	list := make([]string, 0, most)
	for _, v := range all[:min(len(all), most)] {
		list = append(list, name(v))
	}
	text := strings.Join(list, ", ")
	if len(all) > most {
		text += fmt.Sprintf(" or %d more", len(all)-most)
	}
	if len(all) == 1 {
		return text
	}
	return "one of " + text
}

// contain runs open and returns where it panicked, or nothing. The panic's own
// value is not kept: it may hold anything.
func contain(open func()) (where string) {
	defer func() {
		if recover() != nil {
			where = panicPlace()
		}
	}()
	open()
	return ""
}

// panicPlace returns FILE:LINE of the code that panicked; call it from the
// deferred function that recovered.
func panicPlace() string {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(0, pc)])
	panicked := false
	for {
		f, more := frames.Next()
		// The frames between the panic and the code are the runtime's.
		if panicked && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", path.Base(f.File), f.Line)
		}
		panicked = panicked || f.Function == "runtime.gopanic"
		if !more {
			return "an unknown place"
		}
	}
}

// reportBroken reports a kind that broke its contract.
func reportBroken(s *section.Section, role, kind, place string) {
	what := "opened nothing and gave no reason"
	if place != "" {
		what = "panicked at " + place
	}
	s.Faultf("", "the %s kind %s %s (a fault of vigente: please report it together with this table)", role, kind, what)
}

// fieldsOf lists the fields that a credential has.
func fieldsOf(b providers.Binding) []string {
	return slices.Concat(b.Fields, credential.CommonFields[:])
}
