package load

import (
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

// object is what providers, credentials and sinks have in common.
type object struct {
	section *section.Section // nil once everything was read from it
	// complete means the kind has read the whole table, so any key it did not ask
	// for is unknown.
	complete bool
	// missing lists what the table refers to but could not be used.
	missing []section.Fault
	written [32]byte // digest of the text of the table
	digest  string   // of what the kind read from it, including secrets and files
	sums    section.Sums
	// settings is a digest of what all machines of a cluster have alike; zero without one.
	settings plan.Hash
}

// good reports whether the kind read the table and found nothing wrong.
func (o *object) good() bool { return o.complete && (o.section == nil || !o.section.Failed()) }

// provider is one backend with what it was opened from.
type provider struct {
	object
	config.Provider
	serial  uint64            // number of the opening
	fresh   bool              // opened for this configuration
	backend providers.Backend // may be incomplete after a fault
	rates   []schedule.Rate
	places  []plan.Place
	stale   []section.Fault // what is missing now but was read before
	release func()
	told    []string // warnings of its kind
	spec    *plan.Provider
}

// boundCredential is one credential with what it was bound from.
type boundCredential struct {
	object
	config.Credential
	provider *provider // nil if there is none of that name
	binding  providers.Binding
	places   []plan.Place
	refers   bool // refers to files
	sealed   bool // its spec has this host's digests
	spec     *plan.Credential
}

// openSink is one sink with what it was opened from.
type openSink struct {
	object
	config.Sink
	binding      sinks.Binding
	owner, group string
	sealed       bool   // its spec has this host's digests
	real, device string // its file with links resolved, and the file's device
	spec         *plan.Sink
}

// openProvider opens one provider. If the current one is equal, it is kept with its
// connections and everything bound to it.
func (a *assembly) openProvider(p config.Provider) {
	o := &provider{object: object{section: p.Section}, Provider: p}
	a.providers = append(a.providers, o)
	a.provider[p.Name] = o
	o.fresh = true
	if p.Type == "" {
		return // reported by Load
	}
	i := slices.IndexFunc(a.opt.Providers, func(k providers.Kind) bool { return k.Name == p.Type })
	if i < 0 {
		p.Section.Faultf("type", "%q is not known (expected %s)", p.Type, listed(a.opt.Providers, func(k providers.Kind) string { return k.Name }))
		return
	}
	kind := a.opt.Providers[i]
	o.rates = ratesOf(p, kind)
	env, release := a.opt.Lend(p.Name, p.Location)
	env.Warn = func(message string) { o.told = append(o.told, message) }
	o.release = release
	stack := contain(func() { o.backend = kind.Open(p.Section, env) })
	o.complete = stack == ""
	if !p.Section.Failed() && (stack != "" || o.backend == nil) {
		reportBroken(p.Section, "provider", p.Type, stack)
	}
	if o.good() && o.backend != nil {
		a.read(&o.object)
		a.keep(o)
	}
}

// keep uses the current provider instead of the new one if both were made from the
// same values, or if the values that the new one refers to are now missing.
func (a *assembly) keep(o *provider) {
	o.serial, o.places = a.serials(), placesOf(o.section)
	was := a.was.provider[o.Name]
	if was == nil || was.Type != o.Type || was.Location.String() != o.Location.String() {
		return
	}
	same := was.digest == o.digest && slices.Equal(was.missing, o.missing)
	gone := len(o.missing) > 0 && len(was.missing) == 0 && was.written == o.written
	if !same && !gone {
		return
	}
	if o.release != nil {
		o.release()
	}
	o.serial, o.backend, o.digest, o.sums, o.places, o.release = was.serial, was.backend, was.digest, was.sums, was.places, was.release
	o.told, o.fresh = was.told, false
	if gone {
		o.stale, o.missing = o.missing, nil
	}
}

// ratesOf returns the rates of a provider: the configured ones, including "" for
// none, or else those that the kind knows of its backend.
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

// bind reads one credential from its own table.
func (a *assembly) bind(c config.Credential) {
	o := &boundCredential{object: object{section: c.Section}, Credential: c, provider: a.provider[c.Provider]}
	a.credentials = append(a.credentials, o)
	a.credential[c.Name] = o
	a.bindTo(o)
}

// bindTo reads from a credential's table what the kind of its provider needs.
func (a *assembly) bindTo(o *boundCredential) {
	s := o.section
	switch {
	case o.Credential.Provider == "":
		return // reported by Load
	case o.provider == nil && a.Config.Broken:
		return // it may be in the file that could not be read
	case o.provider == nil:
		s.Faultf("provider", "there is no provider %q (expected %s)", o.Credential.Provider, listed(a.Config.Providers, func(p config.Provider) string { return p.Name }))
		return
	case o.provider.backend == nil:
		return // the provider's own fault is enough
	}
	stack := contain(func() { o.binding = o.provider.backend.Bind(s) })
	o.complete = stack == ""
	// A backend with faults may panic or return nothing; then only the faults of the
	// credential's own keys count.
	if o.provider.good() && !s.Failed() && (stack != "" || o.binding.Source == nil) {
		reportBroken(s, "provider", o.provider.Type, stack)
	}
	if o.good() {
		a.read(&o.object)
		o.places, o.refers = placesOf(s), len(s.Files()) > 0 || len(o.missing) > 0
		a.hold(o)
	}
}

// hold keeps what a credential was bound from if its table is unchanged and only
// something it refers to is now missing: it continues with the values read before.
func (a *assembly) hold(o *boundCredential) {
	was := a.was.bound(o.Name)
	if len(o.missing) == 0 || was == nil || was.written != o.written || len(was.missing) > 0 || was.provider == nil || was.provider.serial != o.provider.serial {
		return
	}
	for _, f := range o.missing {
		a.Warnings = append(a.Warnings, Missing{Credential: o.Name, Path: f.Path, Message: f.Message})
	}
	o.binding, o.digest, o.sums, o.places, o.missing = was.binding, was.digest, was.sums, was.places, nil
}

// read copies from a table what is needed later.
func (a *assembly) read(o *object) {
	if !a.opt.CheckOnly {
		o.digest = o.section.Digest([]byte("vigente"))
	}
	if len(a.Config.Cluster.Endpoints) > 0 {
		sum := o.section.Settings()
		o.settings = plan.Hash(sum[:len(plan.Hash{})])
	}
	if !strings.Contains(o.section.Name(), "/") { // no one asks which keys of a row differ
		o.sums = o.section.Sums(a.seed)
	}
	if len(o.section.Files()) > 0 {
		o.written = o.section.Written()
	}
	for _, f := range o.section.Faults() {
		if f.Missing() {
			o.missing = append(o.missing, f)
		}
	}
}

// openSink opens one sink from its own table.
func (a *assembly) openSink(s config.Sink) {
	o := &openSink{object: object{section: s.Section}, Sink: s}
	a.sinks = append(a.sinks, o)
	a.sink[s.Name] = o
	a.open(o)
}

// open reads from a sink's table what its kind needs.
func (a *assembly) open(o *openSink) {
	s := o.section
	if o.Type == "" {
		return // reported by Load
	}
	i := slices.IndexFunc(a.opt.Sinks, func(k sinks.Kind) bool { return k.Name == o.Type })
	if i < 0 {
		s.Faultf("type", "%q is not known (expected %s)", o.Type, listed(a.opt.Sinks, func(k sinks.Kind) string { return k.Name }))
		return
	}
	stack := contain(func() { o.binding = a.opt.Sinks[i].Open(s, a.opt.SinkEnv) })
	o.complete = stack == ""
	if !s.Failed() && (stack != "" || o.binding.Sink == nil) {
		reportBroken(s, "sink", o.Type, stack)
	}
	if o.good() {
		a.read(&o.object)
		if asked := s.Asked(); slices.Contains(asked, "owner") && slices.Contains(asked, "group") {
			o.owner, o.group = s.Text("owner", ""), s.Text("group", "")
		}
	}
}

// placesOf returns the paths of the secrets and files of a table.
func placesOf(s *section.Section) []plan.Place {
	var places []plan.Place
	for _, p := range s.Places() {
		places = append(places, plan.Place(p))
	}
	return places
}

// listed lists the allowed names for a fault; a long list is cut.
func listed[T any](all []T, name func(T) string) string {
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

// contain runs open and returns where it panicked, or an empty string. It drops the
// panic's value, which may contain anything.
func contain(open func()) (where string) {
	defer func() {
		if recover() != nil {
			where = panicPlace()
		}
	}()
	open()
	return ""
}

// panicPlace returns FILE:LINE of the code that panicked. It must be called from the
// deferred function that recovered.
func panicPlace() string {
	pc := make([]uintptr, 32)
	frames := runtime.CallersFrames(pc[:runtime.Callers(0, pc)])
	panicked := false
	for {
		f, more := frames.Next()
		// The frames between the panic and the code belong to the runtime.
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

// fieldsOf returns the fields of a credential, including those that all have.
func fieldsOf(own []string) []string { return slices.Concat(own, credential.CommonFields[:]) }
