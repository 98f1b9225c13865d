package simulate

import (
	"slices"

	"github.com/vigented/vigente/daemon/plan"
)

// apart splits the plan into independent parts. Credentials belong together if one is
// derived from another, or if they share a rate limit. The concurrency of a provider
// does not matter, because calls take no time on the virtual clock, and no fake
// backend causes a cool-down.
func apart(specs *plan.Plan) (parts []*plan.Plan) {
	tied := groups{}
	byName := map[string]plan.Provider{}
	for _, p := range specs.Providers {
		byName[p.Name] = p
	}
	for _, c := range specs.Credentials {
		for _, need := range c.Needs {
			tied.tie("credential "+c.Name, "credential "+need)
		}
		if len(byName[c.Provider].Rates) > 0 {
			tied.tie("credential "+c.Name, "provider "+c.Provider)
		}
	}
	byGroup := map[string]*plan.Plan{}
	for _, c := range specs.Credentials {
		group := tied.of("credential " + c.Name)
		part := byGroup[group]
		if part == nil {
			part = &plan.Plan{}
			byGroup[group] = part
			parts = append(parts, part)
		}
		part.Credentials = append(part.Credentials, c)
		if spec := byName[c.Provider]; !slices.ContainsFunc(part.Providers, func(p plan.Provider) bool { return p.Name == spec.Name }) {
			part.Providers = append(part.Providers, spec)
		}
	}
	return parts
}

// groups is a union-find structure: it maps a member to another one of its group.
type groups map[string]string

func (k groups) of(name string) string {
	for up, ok := k[name]; ok; up, ok = k[name] {
		name = up
	}
	return name
}

func (k groups) tie(a, b string) {
	if a, b = k.of(a), k.of(b); a != b {
		k[a] = b
	}
}
