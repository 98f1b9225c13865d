package load

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/disk"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/devices"
)

// Change returns the difference between a configuration without faults and the
// current one. hostKey is this host's own key. It must stay the same across
// restarts, or everything looks changed, and it must be secret: a weak password
// could be guessed from its digest under a known key.
func (l *Loader) Change(d *Loaded, hostKey []byte) plan.Change {
	l.key.bytes = hostKey
	key := newSealer(hostKey, d.Config.Cluster)
	c := plan.Change{
		Providers: difference(d.providers, l.now.provider, func(p *provider) (string, **plan.Provider) { p.make(); return p.Name, &p.spec }, (*plan.Provider).ContentHash),
		Credentials: difference(d.credentials, l.now.credential, func(c *boundCredential) (string, **plan.Credential) {
			c.make(l.at())
			c.seal(key)
			return c.Name, &c.spec
		}, (*plan.Credential).ContentHash),
		Sinks: difference(d.sinks, l.now.sink, func(s *openSink) (string, **plan.Sink) {
			s.make(l.opt.Devices, l.key)
			s.seal(key)
			return s.Name, &s.spec
		}, (*plan.Sink).ContentHash),
	}
	l.changeRows(&c, d, key)
	return c
}

// at returns when something was found to be missing.
func (l *Loader) at() time.Time {
	if l.opt.Now == nil {
		return time.Time{}
	}
	return l.opt.Now()
}

func byName(specs []*plan.Credential) map[string]*plan.Credential {
	m := make(map[string]*plan.Credential, len(specs))
	for _, s := range specs {
		m[s.Name] = s
	}
	return m
}

// Adopt makes what was loaded the current configuration, and releases the previous
// one.
func (l *Loader) Adopt(d *Loaded) {
	for name, was := range l.now.provider {
		if is := d.provider[name]; was.release != nil && (is == nil || is.serial != was.serial) {
			was.release()
		}
	}
	l.index.adopt(d)
	l.now, l.adopted, l.accept = d, true, Accept{}
}

// difference compares the objects of one table with the previous ones. Unchanged
// objects keep their spec.
func difference[O comparable, S any](is []O, was map[string]O, made func(O) (string, **S), hash func(*S) plan.Hash) (d plan.Difference[S]) {
	var none O
	names := make(map[string]bool, len(is))
	for _, o := range is {
		name, spec := made(o)
		names[name] = true
		before := was[name]
		if before == none {
			d.Added = append(d.Added, *spec)
			continue
		}
		if _, old := made(before); hash(*old) == hash(*spec) {
			*spec = *old
		} else {
			d.Changed, d.Was = append(d.Changed, *spec), append(d.Was, *old)
		}
	}
	for name, before := range was {
		if !names[name] {
			_, old := made(before)
			d.Removed, d.Was = append(d.Removed, name), append(d.Was, *old)
		}
	}
	slices.Sort(d.Removed)
	return d
}

// SinkFolders returns one path in each folder that holds the file of a sink, both
// as configured and with links resolved.
func (d *Loaded) SinkFolders() []string {
	folders := map[string]string{}
	note := func(file, real string) {
		if file != "" {
			folders[filepath.Dir(file)] = file
		}
		if file != "" && real != "" {
			folders[filepath.Dir(real)] = real
		}
	}
	for _, o := range d.sinks {
		note(o.binding.File, o.real)
	}
	for _, f := range d.fleets {
		for _, r := range f.rows {
			for i, s := range r.sinks {
				note(s.File, r.reals[i])
			}
		}
	}
	return slices.Collect(maps.Values(folders))
}

// Has reports whether a credential of that name exists.
func (d *Loaded) Has(credential string) bool {
	return d.credential[credential] != nil || d.row(credential) != nil
}

// Plan returns a configuration without faults as one plan, in the order of the
// files. Change must have been called before.
func (d *Loaded) Plan() *plan.Plan {
	p := &plan.Plan{}
	for _, o := range d.providers {
		p.Providers = append(p.Providers, *o.spec)
	}
	for _, o := range d.credentials {
		p.Credentials = append(p.Credentials, *o.spec)
	}
	for _, o := range d.sinks {
		p.Sinks = append(p.Sinks, *o.spec)
	}
	for _, f := range d.fleets {
		for _, r := range f.rows {
			p.Credentials = append(p.Credentials, *r.credential)
			for _, s := range r.sinks {
				p.Sinks = append(p.Sinks, *s)
			}
		}
	}
	return p
}

func (p *provider) make() {
	if p.spec == nil {
		p.spec = &plan.Provider{Name: p.Name, Type: p.Type, Rates: p.rates, Concurrency: p.Concurrency, Settings: p.settings}
		p.spec.Hash = newHash().number(p.serial).texts(p.Type).any(p.rates).number(uint64(p.Concurrency)).sum() //nolint:gosec // compared, never counted with
	}
}

// hostKey is the key of this host. It is nil until it is known.
type hostKey struct{ bytes []byte }

// make makes the spec, without this host's digests.
func (c *boundCredential) make(at time.Time) {
	if c.spec != nil {
		return
	}
	s := &plan.Credential{
		Name: c.Name, Provider: c.Credential.Provider,
		Common: &plan.Common{
			Type: c.provider.Type, Policy: c.Policy, Places: joined(c.provider.places, c.places),
			Fields: c.binding.Fields, Limits: c.binding.Limits, Client: c.binding.Client,
		},
		Identity: strings.TrimSpace(c.provider.Type + " " + c.binding.Identity),
		Inputs:   c.provider.digest + "." + c.digest,
		Needs:    c.binding.Needs, Source: c.binding.Source, Settings: c.settings,
	}
	if own := c.OnFailure; own != nil {
		s.OnFailure = &plan.OnFailure{Command: own.Command, After: own.After, Timeout: own.Timeout}
	}
	for _, f := range c.absent() {
		s.Missing = append(s.Missing, plan.Missing{Key: f.Key, Path: f.Path, Message: f.Message})
	}
	if len(s.Missing) > 0 {
		s.Inputs, s.Identity = "", ""
	}
	s.Hash = newHash().number(c.provider.serial).texts(c.digest, s.Provider, s.Type, s.Identity).texts(s.Needs...).texts(s.Fields...).
		policy(c.Policy).missing(s.Missing).onFailure(s.OnFailure).sum()
	for i := range s.Missing {
		s.Missing[i].At = at
	}
	c.spec = s
}

// seal adds this host's digests.
func (c *boundCredential) seal(key *sealer) {
	if !c.sealed {
		c.sealed = true
		sealCredential(c.spec, key)
	}
}

func sealCredential(s *plan.Credential, key *sealer) {
	if s.Inputs != "" {
		s.Inputs, s.Shared = key.seal(s.Inputs), key.share(s.Inputs)
	}
}

func (o *openSink) seal(key *sealer) {
	if !o.sealed {
		o.sealed = true
		sealSink(o.spec, key)
	}
}

func sealSink(s *plan.Sink, key *sealer) { s.Target = key.seal(s.Target) }

func (o *openSink) make(disks *devices.Pool, key *hostKey) {
	if o.spec != nil {
		return
	}
	b := o.binding
	o.spec = &plan.Sink{
		Name: o.Name, Type: o.Type, Path: b.Target, File: b.File, Needs: credential.Named(b.Refs), Target: o.digest,
		Sink: b.Sink, Hook: b.Hook, Together: b.Together,
	}
	var limited *disk.Sink
	if b.File != "" {
		limited = disk.New(disks, b.File, b.Sink)
		o.spec.Device, o.spec.Sink = o.device, limited
	}
	o.spec.Guard = newGuard(b, limited, key)
	o.spec.Hash = newHash().texts(o.Type, o.digest, b.Target, b.File).texts(o.spec.Needs...).any(b.Enforce).sum()
}

// joined returns both lists as one, without a copy if one is empty.
func joined(a, b []plan.Place) []plan.Place {
	if len(b) == 0 {
		return a
	}
	return slices.Concat(a, b)
}
