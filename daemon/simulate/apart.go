package simulate

import (
	"slices"

	"github.com/vigented/vigente/daemon/plan"
)

// apart splits the plan into parts that do not disturb each other. Credentials
// do that which are made from each other, and those that wait for each other
// under the rate of their provider. Its concurrency makes nobody wait, since a
// call takes no time on the virtual clock, and nothing that an actor answers
// brings a cool-down.
func apart(specs *plan.Plan) (parts []*plan.Plan) {
	tied := knots{}
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
	byKnot := map[string]*plan.Plan{}
	for _, c := range specs.Credentials {
		knot := tied.of("credential " + c.Name)
		part := byKnot[knot]
		if part == nil {
			part = &plan.Plan{}
			byKnot[knot] = part
			parts = append(parts, part)
		}
		part.Credentials = append(part.Credentials, c)
		if spec := byName[c.Provider]; !slices.ContainsFunc(part.Providers, func(p plan.Provider) bool { return p.Name == spec.Name }) {
			part.Providers = append(part.Providers, spec)
		}
	}
	return parts
}

// knots tells what is tied together, by another member of the same knot.
type knots map[string]string

func (k knots) of(name string) string {
	for up, ok := k[name]; ok; up, ok = k[name] {
		name = up
	}
	return name
}

func (k knots) tie(a, b string) {
	if a, b = k.of(a), k.of(b); a != b {
		k[a] = b
	}
}
