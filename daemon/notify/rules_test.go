package notify

import (
	"maps"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/plan"
)

// TestRulesAfterAChange: rules follow the plan, and those from before are left as they were.
func TestRulesAfterAChange(t *testing.T) {
	with := func(name string, after time.Duration) *plan.Credential {
		return &plan.Credential{Name: name, Common: &plan.Common{OnFailure: &plan.OnFailure{After: after}}}
	}
	var first, second plan.Change
	first.Credentials.Added = []*plan.Credential{with("kept", 1), with("changed", 2), with("without", 3), with("removed", 4), {Common: &plan.Common{}, Name: "default"}}
	second.Credentials.Changed = []*plan.Credential{with("changed", 20), {Common: &plan.Common{}, Name: "without"}}
	second.Credentials.Removed = []string{"removed"}
	all := &Rule{After: 9}

	before := Rules{}.After(first, all)
	held := maps.Clone(before.Own)
	after := before.After(second, nil)

	times := func(r Rules) map[string]time.Duration {
		m := map[string]time.Duration{}
		for name, rule := range r.Own {
			m[name] = rule.After
		}
		return m
	}
	if got, want := times(before), (map[string]time.Duration{"kept": 1, "changed": 2, "without": 3, "removed": 4}); !maps.Equal(got, want) || before.Default != all {
		t.Errorf("rules of the first plan: got %v and default %v, want %v and %v", got, before.Default, want, all)
	}
	if got, want := times(after), (map[string]time.Duration{"kept": 1, "changed": 20}); !maps.Equal(got, want) || after.Default != nil {
		t.Errorf("rules after the change: got %v and default %v, want %v and none", got, after.Default, want)
	}
	if len(before.Own) != len(held) || before.Own["changed"].After != 2 {
		t.Errorf("the rules from before became %v, want %v", times(before), held)
	}
}
