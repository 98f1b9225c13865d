package load

import (
	"strings"

	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/section"
)

// NewIdentity is a credential whose identity at the backend changes, with the keys
// that change it.
type NewIdentity struct {
	Name string
	Keys []string
}

// NewIdentities returns the credentials of a change that get a new identity.
func (l *Loader) NewIdentities(d *Loaded, c plan.Change) (moved []NewIdentity) {
	before := byName(c.Credentials.Was)
	for _, s := range c.Credentials.Changed {
		was := before[s.Name]
		if len(s.Missing) > 0 || was == nil || was.Identity == s.Identity {
			continue
		}
		m := NewIdentity{Name: s.Name}
		for _, table := range [][2]string{{"credentials", s.Name}, {"providers", s.Provider}} {
			for _, key := range d.Differing(l.now, table[0], table[1]) {
				m.Keys = append(m.Keys, table[0]+"."+table[1]+"."+key)
			}
		}
		if was.Provider != s.Provider {
			m.Keys = append(m.Keys, "credentials."+s.Name+".provider")
		}
		moved = append(moved, m)
	}
	return moved
}

// Differing returns the keys of one object whose values differ between the two
// configurations. Group is the table of the object ("credentials").
func (d *Loaded) Differing(o *Loaded, group, name string) []string {
	if is, was := d.rowSpec(group, name), o.rowSpec(group, name); is != was {
		return []string{"row"}
	}
	return d.sums(group, name).Differing(o.sums(group, name))
}

// rowSpec returns the hash of an object made by a row, or zero for other objects.
func (d *Loaded) rowSpec(group, name string) plan.Hash {
	parts := strings.SplitN(name, "/", 3)
	if len(parts) < 2 {
		return plan.Hash{}
	}
	r := d.row(parts[0] + "/" + parts[1])
	switch {
	case r == nil || r.credential == nil:
	case group == "credentials":
		return r.credential.Hash
	case group == "sinks":
		for _, s := range r.sinks {
			if s.Name == name {
				return s.Hash
			}
		}
	}
	return plan.Hash{}
}

func (d *Loaded) sums(group, name string) section.Sums {
	switch group {
	case "providers":
		if p := d.provider[name]; p != nil {
			return p.object.sums
		}
	case "credentials":
		if c := d.credential[name]; c != nil {
			return c.object.sums
		}
	case "sinks":
		if s := d.sink[name]; s != nil {
			return s.object.sums
		}
	}
	return nil
}

// Zone returns the time zone of a provider's dates that state none. It is empty if
// there is no such provider.
func (d *Loaded) Zone(provider string) string {
	if p := d.provider[provider]; p != nil {
		return p.Location.String()
	}
	return ""
}
