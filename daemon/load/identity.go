package load

import (
	"fmt"
	"slices"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
)

// identity identifies a credential at its backend.
type identity struct{ kind, text string }

// owner is what claims an identity or a part of a file: a credential or a sink.
type owner struct {
	name string
	file string // with the line, where that is 0
	line int
}

func (o owner) place() string {
	if o.line == 0 {
		return o.file
	}
	return fmt.Sprintf("%s:%d", o.file, o.line)
}

// own assigns an identity to an owner, or returns the other owner it belongs to.
func (a *assembly) own(id identity, by owner) (other owner, ok bool) {
	if other, taken := a.identities[id]; taken && other.name != by.name {
		return other, false
	}
	a.identities[id] = by
	return owner{}, true
}

// checkIdentities reports credentials that are the same thing at their backend:
// renewing one would invalidate the other.
func (a *assembly) checkIdentities() {
	for _, o := range a.credentials {
		if id, known := o.identity(); known {
			if other, ok := a.own(id, owner{name: o.section.Path(), file: o.section.Place()}); !ok {
				o.section.Faultf("", "is the same thing at the backend as %s at %s (expected one credential for it, which any number of sinks may show)",
					other.name, other.place())
			}
		}
	}
}

// identity returns the identity of the credential, if it is known.
func (c *boundCredential) identity() (id identity, known bool) {
	if c.provider == nil || !c.provider.good() || !c.good() || c.binding.Identity == "" || len(c.absent()) > 0 {
		return id, false
	}
	return identity{c.provider.Type, c.binding.Identity}, true
}

// checkIdentity checks the identity of a row's credential.
func (a *assembly) checkIdentity(r *row, o *boundCredential) {
	if id, known := o.identity(); known {
		if other, ok := a.own(id, r.owner(r.name)); !ok {
			o.section.Faultf("", "is the same thing at the backend as %s at %s (expected one row for it)", other.name, other.place())
		}
	}
}

// known is what other tables can ask about a credential.
type known struct {
	provider string
	fields   []string
	needs    []string
	listed   bool // fields is complete
	good     bool
}

// lookup finds a credential by its name, including those made by rows.
func (a *assembly) lookup(name string) *known {
	if c := a.credential[name]; c != nil {
		return knownOf(c)
	}
	r := a.row(name)
	switch {
	case r == nil:
		return nil
	case r.bound != nil:
		c := r.bound.credential
		return knownOf(c)
	}
	return &known{r.credential.Provider, r.credential.Fields, r.credential.Needs, true, true}
}

func knownOf(c *boundCredential) *known {
	listed := c.provider != nil && c.provider.good()
	return &known{c.Credential.Provider, c.binding.Fields, c.binding.Needs, listed, listed && c.good()}
}

// checkNeeds reports credentials derived from one that does not exist, or from
// themselves through a cycle.
func (a *assembly) checkNeeds() {
	for _, o := range a.credentials {
		a.checkNeed(o)
	}
	done := map[string]bool{}
	for _, o := range a.credentials {
		a.walkNeeds(o, nil, done)
	}
}

func (a *assembly) checkNeed(o *boundCredential) {
	for _, r := range o.binding.Refs {
		a.checkRef(o.section, r.Ref, r.Key)
	}
	for _, need := range o.binding.Needs {
		if slices.ContainsFunc(o.binding.Refs, func(r credential.RefAt) bool { return r.Credential == need }) {
			continue
		}
		switch other := a.lookup(need); {
		case other == nil && a.Config.Broken:
		case other == nil:
			o.section.Faultf(o.section.KeyOf(need), "there is no credential %q (expected %s)", need, a.credentialNames())
		case len(o.binding.NeedsFields) > 0 && !o.takes(other):
			o.section.Faultf(o.section.KeyOf(need), "credential %q is of another kind (expected one of provider %q with the fields %s)",
				need, o.Credential.Provider, strings.Join(o.binding.NeedsFields, " and "))
		}
	}
}

// takes reports whether this credential can be derived from the other one. If the
// other table has faults, takes returns true: those faults are reported instead.
func (c *boundCredential) takes(other *known) bool {
	if other.provider != c.Credential.Provider {
		return false
	}
	missing := func(field string) bool { return !slices.Contains(other.fields, field) }
	return !other.good || !slices.ContainsFunc(c.binding.NeedsFields, missing)
}

// walkNeeds follows what a credential is derived from and reports each cycle once,
// at the table where the walk entered it.
func (a *assembly) walkNeeds(o *boundCredential, trail []string, done map[string]bool) {
	if done[o.Name] {
		return
	}
	trail = append(trail, o.Name)
	for _, need := range o.binding.Needs {
		if i := slices.Index(trail, need); i >= 0 {
			cycle := append(slices.Clone(trail[i:]), need)
			if first := a.credential[cycle[0]]; first != nil {
				first.section.Faultf(first.section.KeyOf(cycle[1]), "is made from itself: %s (expected no cycle)", strings.Join(cycle, " → "))
			} else {
				o.section.Faultf(o.section.KeyOf(need), "is made from itself: %s (expected no cycle)", strings.Join(cycle, " → "))
			}
			continue
		}
		if other := a.credential[need]; other != nil {
			a.walkNeeds(other, trail, done)
		}
	}
	done[o.Name] = true
}

func (a *assembly) credentialNames() string {
	return listed(a.credentials, func(c *boundCredential) string { return c.Name })
}

func (a *assembly) checkRefs(o *openSink) {
	for _, r := range o.binding.Refs {
		a.checkRef(o.section, r.Ref, r.Key)
	}
	if len(o.binding.Refs) == 0 && o.good() {
		o.section.Faultf("", "shows no credential (expected a reference ${credential.field} in it)")
	}
}

// checkRef reports a reference to a credential or a field that does not exist.
func (a *assembly) checkRef(s *section.Section, r credential.Ref, key string) {
	c := a.lookup(r.Credential)
	switch {
	case c == nil && a.Config.Broken:
	case c == nil:
		s.Faultf(key, "%s: there is no credential %q (expected %s)", r, r.Credential, a.credentialNames())
	case !c.listed || len(c.fields) == 0:
		// Its fields are not known; its own faults say why.
	case !slices.Contains(fieldsOf(c.fields), r.Field):
		s.Faultf(key, "%s: credential %q has no field %q (expected %s)", r, r.Credential, r.Field,
			listed(fieldsOf(c.fields), func(f string) string { return f }))
	}
}
