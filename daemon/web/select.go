package web

import (
	"slices"

	"github.com/vigented/vigente/daemon/engine"
)

// Select keeps the named credentials with the sinks that show them, and the
// named sinks. No name at all keeps everything. It returns the names that are
// neither.
func Select(v engine.View, names []string) (kept engine.View, unknown []string) {
	if len(names) == 0 {
		return v, nil
	}
	wanted := map[string]bool{} // to whether something has the name
	for _, name := range names {
		wanted[name] = false
	}
	kept = v
	kept.Credentials, kept.Sinks = nil, nil
	for _, c := range v.Credentials {
		if _, ok := wanted[c.Name]; ok {
			wanted[c.Name] = true
			kept.Credentials = append(kept.Credentials, c)
		}
	}
	for _, s := range v.Sinks {
		_, named := wanted[s.Name]
		if named {
			wanted[s.Name] = true
		}
		if named || slices.ContainsFunc(s.Needs, func(need string) bool { _, ok := wanted[need]; return ok }) {
			kept.Sinks = append(kept.Sinks, s)
		}
	}
	for _, name := range names {
		if !wanted[name] && !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	return kept, unknown
}

// credentialWithSinks keeps one credential and the sinks that show it.
func credentialWithSinks(v engine.View, name string) (engine.View, bool) {
	i := slices.IndexFunc(v.Credentials, func(c engine.CredentialView) bool { return c.Name == name })
	if i < 0 {
		return v, false
	}
	one := v
	one.Credentials, one.Sinks = v.Credentials[i:i+1], nil
	for _, s := range v.Sinks {
		if slices.Contains(s.Needs, name) {
			one.Sinks = append(one.Sinks, s)
		}
	}
	return one, true
}
