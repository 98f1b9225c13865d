package daemon

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/sinks"
)

// checkIdentities reports credentials that are one and the same at their
// backend: renewing one would kill or confuse the other.
func (a *assembly) checkIdentities() {
	type identity struct{ kind, text string }
	first := map[identity]*openedCredential{}
	for _, c := range a.cfg.Credentials {
		o := a.credentials[c.Name]
		if o.provider == nil || !o.provider.good() || !o.good() || o.binding.Identity == "" {
			continue
		}
		id := identity{o.provider.Type, o.binding.Identity}
		if other, ok := first[id]; ok {
			o.section.Faultf("", "is the same thing at the backend as %s at %s (expected one credential for it, which any number of sinks may show)",
				other.section.Path(), other.section.Place())
			continue
		}
		first[id] = o
	}
}

// checkNeeds reports credentials made from one that does not exist, or in the
// end from themselves.
func (a *assembly) checkNeeds() {
	for _, c := range a.cfg.Credentials {
		o := a.credentials[c.Name]
		for _, need := range o.binding.Needs {
			switch other := a.credentials[need]; {
			case other == nil && a.cfg.Broken:
			case other == nil:
				o.section.Faultf(o.section.KeyOf(need), "there is no credential %q (expected %s)", need, a.credentialNames())
			case len(o.binding.NeedsFields) > 0 && !o.takes(other):
				o.section.Faultf(o.section.KeyOf(need), "credential %q is of another kind (expected one of provider %q with the fields %s)",
					need, o.Provider, strings.Join(o.binding.NeedsFields, " and "))
			}
		}
	}
	done := map[string]bool{}
	for _, c := range a.cfg.Credentials {
		a.walkNeeds(c.Name, nil, done)
	}
}

// takes reports whether the other credential may be one that this one is made
// from. Faults of the other's own table leave that open.
func (o *openedCredential) takes(other *openedCredential) bool {
	if other.Provider != o.Provider {
		return false
	}
	missing := func(field string) bool { return !slices.Contains(other.binding.Fields, field) }
	return other.provider == nil || !other.provider.good() || !other.good() || !slices.ContainsFunc(o.binding.NeedsFields, missing)
}

// walkNeeds follows what a credential is made from and reports a cycle once,
// at the table where the walk entered it.
func (a *assembly) walkNeeds(name string, trail []string, done map[string]bool) {
	o := a.credentials[name]
	if o == nil || done[name] {
		return
	}
	if i := slices.Index(trail, name); i >= 0 {
		cycle := append(slices.Clone(trail[i:]), name)
		o.section.Faultf(o.section.KeyOf(cycle[1]), "is made from itself: %s (expected no cycle)", strings.Join(cycle, " → "))
		return
	}
	trail = append(trail, name)
	for _, need := range o.binding.Needs {
		a.walkNeeds(need, trail, done)
	}
	done[name] = true
}

func (a *assembly) credentialNames() string {
	return names(a.cfg.Credentials, func(c config.Credential) string { return c.Name })
}

// resolveTime bounds how long a load waits for the links of all paths. A path
// whose disk hangs stays as it is.
const resolveTime = 2 * time.Second

// checkSinks reports references to nothing, sinks that show nothing, and sinks
// that would write over each other or over what is the daemon's.
func (a *assembly) checkSinks() {
	targets := map[string]*target{}
	own := a.ownFiles()
	var paths []string
	for _, o := range a.sinks {
		if o.binding.File != "" {
			paths = append(paths, o.binding.File)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTime)
	defer cancel()
	a.targets = devices.ResolveAll(ctx, a.opt.Disks, paths)
	for _, o := range a.sinks {
		read := o.good() // a wrong reference leaves the file's name right
		a.checkRefs(o)
		if !read || o.binding.Target == "" {
			continue
		}
		path := o.binding.Target
		if o.binding.File != "" {
			path = a.targets[o.binding.File].Path
		}
		if what := own[path]; what != "" {
			o.section.Faultf("path", "is %s (expected a file of its own)", what)
			continue
		}
		t := targets[path]
		if t == nil {
			t = &target{parts: map[string]*openedSink{}}
			targets[path] = t
		}
		for _, claim := range claims(o.binding) {
			t.claim(o, claim)
		}
	}
}

func (a *assembly) checkRefs(o *openedSink) {
	for _, r := range o.binding.Refs {
		c := a.credentials[r.Credential]
		switch {
		case c == nil && a.cfg.Broken:
		case c == nil:
			o.section.Faultf(r.Key, "%s: there is no credential %q (expected %s)", r.Ref, r.Credential, a.credentialNames())
		case c.provider == nil || !c.provider.good() || len(c.binding.Fields) == 0:
			// What fields it has is not known; its own faults say why.
		case !slices.Contains(fieldsOf(c.binding), r.Field):
			o.section.Faultf(r.Key, "%s: credential %q has no field %q (expected %s)", r.Ref, r.Credential, r.Field,
				names(fieldsOf(c.binding), func(f string) string { return f }))
		}
	}
	if len(o.binding.Refs) == 0 && o.good() {
		o.section.Faultf("", "shows no credential (expected a reference ${credential.field} in it)")
	}
}

// target is one file and who manages which part of it.
type target struct {
	whole *openedSink
	parts map[string]*openedSink
	first *openedSink
}

// claims returns the parts that a sink manages; one that names none has all.
func claims(b sinks.Binding) []sinks.Claim {
	if len(b.Claims) == 0 {
		return []sinks.Claim{{}}
	}
	return b.Claims
}

// claim takes a part of the file for a sink or reports who has it.
func (t *target) claim(o *openedSink, c sinks.Claim) {
	key := c.Key
	if key == "" {
		key = "path"
	}
	if t.first == nil {
		t.first = o
	}
	other := t.whole
	if other == nil && c.Part == "" && t.first != o {
		other = t.first
	}
	if other != nil && other != o {
		o.section.Faultf("path", "is the file of %s at %s, and one of the two manages the whole file (expected different files)",
			other.section.Path(), other.section.Place())
		return
	}
	if c.Part == "" {
		t.whole = o
		return
	}
	other = t.parts[c.Part]
	switch {
	case other == nil:
		t.parts[c.Part] = o
	case other == o:
		o.section.Faultf(key, "manages the same key of the file as another line of this table (expected each key once)")
	default:
		o.section.Faultf(key, "manages the same key of the same file as %s at %s (expected one sink for each key)",
			other.section.Path(), other.section.Place())
	}
}

// ownFiles are the files that no sink may replace, each with what it is.
func (a *assembly) ownFiles() map[string]string {
	own := map[string]string{}
	d := a.cfg.Daemon
	add := func(path, what string) {
		if path != "" {
			own[resolve(path)] = what
		}
	}
	for _, path := range a.cfg.SourceFiles() {
		add(path, "a file of the configuration")
	}
	if d.StateDir != "" {
		add(d.StateDir, "the folder of the state")
		for _, name := range []string{"state.db", "state.sealed", "lock", "control.sock"} {
			add(filepath.Join(d.StateDir, name), "a file of the state")
		}
	}
	add(d.ControlSocket, "the control socket")
	return own
}

// resolve follows symbolic links as far as the path exists, so that two names
// of one file compare equal.
func resolve(path string) string {
	path = filepath.Clean(path)
	// A link may lead to another; a chain this long is a circle.
	for range 40 {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		dir, base := filepath.Split(path)
		dir = filepath.Clean(dir)
		link, err := os.Readlink(path)
		switch {
		case err == nil && filepath.IsAbs(link):
			path = filepath.Clean(link)
		case err == nil:
			path = filepath.Join(dir, link)
		case dir == path:
			return path
		default:
			return filepath.Join(resolve(dir), base)
		}
	}
	return path
}
