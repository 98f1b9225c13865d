package load

import (
	"slices"
	"strings"
)

// checkIdentities reports credentials that are one and the same at their
// backend: renewing one would kill or confuse the other.
func (a *assembly) checkIdentities() {
	type identity struct{ kind, text string }
	first := map[identity]*boundCredential{}
	for _, o := range a.credentials {
		if o.provider == nil || !o.provider.good() || !o.good() || o.binding.Identity == "" || len(o.missing)+len(o.provider.missing) > 0 {
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
	for _, o := range a.credentials {
		for _, need := range o.binding.Needs {
			switch other := a.credential[need]; {
			case other == nil && a.Config.Broken:
			case other == nil:
				o.section.Faultf(o.section.KeyOf(need), "there is no credential %q (expected %s)", need, a.credentialNames())
			case len(o.binding.NeedsFields) > 0 && !o.takes(other):
				o.section.Faultf(o.section.KeyOf(need), "credential %q is of another kind (expected one of provider %q with the fields %s)",
					need, o.Credential.Provider, strings.Join(o.binding.NeedsFields, " and "))
			}
		}
	}
	done := map[string]bool{}
	for _, o := range a.credentials {
		a.walkNeeds(o.Name, nil, done)
	}
}

// takes reports whether the other credential may be one that this one is made
// from. Faults of the other's own table leave that open.
func (o *boundCredential) takes(other *boundCredential) bool {
	if other.Credential.Provider != o.Credential.Provider {
		return false
	}
	missing := func(field string) bool { return !slices.Contains(other.binding.Fields, field) }
	return other.provider == nil || !other.provider.good() || !other.good() || !slices.ContainsFunc(o.binding.NeedsFields, missing)
}

// walkNeeds follows what a credential is made from and reports a cycle once,
// at the table where the walk entered it.
func (a *assembly) walkNeeds(name string, trail []string, done map[string]bool) {
	o := a.credential[name]
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
	return listed(a.credentials, func(c *boundCredential) string { return c.Name })
}

func (a *assembly) checkRefs(o *openSink) {
	for _, r := range o.binding.Refs {
		c := a.credential[r.Credential]
		switch {
		case c == nil && a.Config.Broken:
		case c == nil:
			o.section.Faultf(r.Key, "%s: there is no credential %q (expected %s)", r.Ref, r.Credential, a.credentialNames())
		case c.provider == nil || !c.provider.good() || len(c.binding.Fields) == 0:
			// What fields it has is not known; its own faults say why.
		case !slices.Contains(fieldsOf(c.binding), r.Field):
			o.section.Faultf(r.Key, "%s: credential %q has no field %q (expected %s)", r.Ref, r.Credential, r.Field,
				listed(fieldsOf(c.binding), func(f string) string { return f }))
		}
	}
	if len(o.binding.Refs) == 0 && o.good() {
		o.section.Faultf("", "shows no credential (expected a reference ${credential.field} in it)")
	}
}
