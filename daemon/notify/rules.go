package notify

import (
	"maps"
	"slices"
	"time"

	"github.com/vigented/vigente/daemon/plan"
)

// Rule is one on_failure: the command, and how long a cause must last before it
// runs.
type Rule struct {
	Command        []string
	After, Timeout time.Duration
}

// Rules are the on_failure settings of all credentials.
type Rules struct {
	Default *Rule           // for credentials without their own; may be nil
	Own     map[string]Rule // by credential
}

// After returns the rules after a change of the plan. They share nothing with r.
func (r Rules) After(change plan.Change, all *Rule) Rules {
	own := maps.Clone(r.Own)
	if own == nil {
		own = map[string]Rule{}
	}
	for _, name := range change.Credentials.Removed {
		delete(own, name)
	}
	for _, c := range slices.Concat(change.Credentials.Added, change.Credentials.Changed) {
		if delete(own, c.Name); c.OnFailure != nil {
			own[c.Name] = Rule(*c.OnFailure)
		}
	}
	return Rules{Default: all, Own: own}
}

func (r Rules) of(credential string) (Rule, bool) {
	if own, ok := r.Own[credential]; ok || r.Default == nil {
		return own, ok
	}
	return *r.Default, true
}

func (r Rules) empty() bool { return r.Default == nil && len(r.Own) == 0 }
