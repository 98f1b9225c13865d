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

// object is what all three sorts of table have in common.
type object struct {
	section *section.Section // nil once everything was read from it
	// complete says that the kind has read the whole table, so that a key it
	// did not ask for is unknown.
	complete bool
	// missing is what the table refers to and could not be used.
	missing []section.Fault
	written [32]byte // digest of the table as it is written
	digest  string   // of what the kind read from it, secrets and files included
	sums    section.Sums
}

// good reports whether the kind read the table and found nothing wrong.
func (o *object) good() bool { return o.complete && (o.section == nil || !o.section.Failed()) }

// provider is one backend with what it was opened from.
type provider struct {
	object
	config.Provider
	serial  uint64            // of its opening
	fresh   bool              // opened for this configuration
	backend providers.Backend // may be there, half made, after a fault
	rates   []schedule.Rate
	places  []plan.Place
	stale   []section.Fault // what is missing by now, though it was read before
	release func()
	told    []string // warnings of its kind
	spec    *plan.Provider
}

// boundCredential is one credential with what it was bound from.
type boundCredential struct {
	object
	config.Credential
	provider *provider // nil when there is none of that name
	binding  providers.Binding
	places   []plan.Place
	refers   bool // to files
	sealed   bool // its spec holds this host's digests
	spec     *plan.Credential
}

// openSink is one sink with what it was opened from.
type openSink struct {
	object
	config.Sink
	binding      sinks.Binding
	owner, group string
	sealed       bool   // its spec holds this host's digests
	real, device string // its file behind all links, and what that lies on
	spec         *plan.Sink
}

// openProvider opens one provider. One that is open already and would be the
// same is kept, and with it its connections and all that was bound to it.
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

// keep puts the provider that is open already in the place of the new one,
// where both were made from the same values, or where the values that the new
// one refers to are missing by now.
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

// bind reads one credential of its own table.
func (a *assembly) bind(c config.Credential) {
	o := &boundCredential{object: object{section: c.Section}, Credential: c, provider: a.provider[c.Provider]}
	a.credentials = append(a.credentials, o)
	a.credential[c.Name] = o
	a.bindTo(o)
}

// bindTo reads what the kind of its provider wants to know of a credential.
func (a *assembly) bindTo(o *boundCredential) {
	s := o.section
	switch {
	case o.Credential.Provider == "":
		return // reported by Load
	case o.provider == nil && a.Config.Broken:
		return // it may stand in the file that could not be read
	case o.provider == nil:
		s.Faultf("provider", "there is no provider %q (expected %s)", o.Credential.Provider, listed(a.Config.Providers, func(p config.Provider) string { return p.Name }))
		return
	case o.provider.backend == nil:
		return // the provider's own fault says enough
	}
	stack := contain(func() { o.binding = o.provider.backend.Bind(s) })
	o.complete = stack == ""
	// A backend with faults may trip over itself; what the credential's own
	// keys told by then counts.
	if o.provider.good() && !s.Failed() && (stack != "" || o.binding.Source == nil) {
		reportBroken(s, "provider", o.provider.Type, stack)
	}
	if o.good() {
		a.read(&o.object)
		o.places, o.refers = placesOf(s), len(s.Files()) > 0 || len(o.missing) > 0
		a.hold(o)
	}
}

// hold keeps what a credential was bound from, where its table is as it was and
// only what it refers to is missing by now: it goes on with what it read.
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

// read takes out of a table all that is needed of it later.
func (a *assembly) read(o *object) {
	if !a.opt.CheckOnly {
		o.digest = o.section.Digest([]byte("vigente"))
	}
	if !strings.Contains(o.section.Name(), "/") { // of a row nobody asks which keys differ
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

// openSink opens one sink of its own table.
func (a *assembly) openSink(s config.Sink) {
	o := &openSink{object: object{section: s.Section}, Sink: s}
	a.sinks = append(a.sinks, o)
	a.sink[s.Name] = o
	a.open(o)
}

// open reads what its kind wants to know of a sink.
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

// listed lists what may be written, for a fault; a long list is cut.
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

// fieldsOf lists the fields of a credential, those that all have included.
func fieldsOf(own []string) []string { return slices.Concat(own, credential.CommonFields[:]) }
