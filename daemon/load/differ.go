package load

import "github.com/vigented/vigente/internal/section"

// Differing returns the kind's keys of one object for which it got other values
// than in the other configuration. Group is the table of the object
// ("credentials").
func (d *Loaded) Differing(o *Loaded, group, name string) []string {
	return d.sums(group, name).Differing(o.sums(group, name))
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

// Zone names the zone of a provider's dates without one; empty for a provider
// that is not there.
func (d *Loaded) Zone(provider string) string {
	if p := d.provider[provider]; p != nil {
		return p.Location.String()
	}
	return ""
}
