package cluster

import (
	"maps"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/needs"
)

// TestNoSeedIsShownTwice searches everything that can happen within bounds. The largest
// searches run only in long tests.
func TestNoSeedIsShownTwice(t *testing.T) {
	if needs.Race {
		t.Skip("the search shares nothing between goroutines, and takes ten times as long under the race detector")
	}
	right := rules{claim: Claim}
	all := map[string]bounds{
		"two machines, plain":            {machines: 2, ability: Plain, calls: 2, attempts: 2, crashes: 1},
		"two machines, revokes":          {machines: 2, ability: Revokes, calls: 2, attempts: 2, crashes: 1},
		"two machines, another way in":   {machines: 2, ability: SpendsElse, calls: 2, attempts: 2, crashes: 1},
		"two machines, spends, a backup": {machines: 2, ability: Spends, calls: 2, attempts: 2, crashes: 1, restores: 1},
		"three machines, spends":         {machines: 3, ability: Spends, calls: 2, attempts: 2, crashes: 1},
	}
	if needs.Long() {
		maps.Copy(all, map[string]bounds{
			"two machines, spends, more crashes":  {machines: 2, ability: Spends, calls: 3, attempts: 4, crashes: 2},
			"two machines, more attempts":         {machines: 2, ability: SpendsElse, calls: 2, attempts: 3, crashes: 1},
			"two machines, another way, a backup": {machines: 2, ability: SpendsElse, calls: 2, attempts: 2, crashes: 1, restores: 1},
			"three machines, spends, a backup":    {machines: 3, ability: Spends, calls: 2, attempts: 2, crashes: 1, restores: 1},
			"two machines, spends, a person":      {machines: 2, ability: Spends, calls: 2, attempts: 3, crashes: 1, persons: 1},
			"three machines, spends, a person":    {machines: 3, ability: Spends, calls: 2, attempts: 2, crashes: 1, persons: 1},
			"three machines, another way in":      {machines: 3, ability: SpendsElse, calls: 2, attempts: 2, crashes: 1},
			"two machines, revokes, a backup":     {machines: 2, ability: Revokes, calls: 2, attempts: 2, crashes: 1, restores: 1},
			"three machines, revokes":             {machines: 3, ability: Revokes, calls: 2, attempts: 2, crashes: 1},
			"three machines, plain":               {machines: 3, ability: Plain, calls: 2, attempts: 2, crashes: 1},
		})
	}
	for name, b := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			states, renewals, _, way := search(b, right)
			t.Logf("%d states", states)
			if way != nil {
				t.Errorf("%s:\n%q", way[len(way)-1], way)
			}
			if renewals < int(b.calls) {
				t.Errorf("it never comes to %d renewals, only to %d", b.calls, renewals)
			}
		})
	}
}

// The model detects faults: these are flawed protocols in common use.
func TestTheModelRefutesOtherProtocols(t *testing.T) {
	two := bounds{machines: 2, ability: Spends, calls: 2, attempts: 2, crashes: 1}
	revokes, backup := two, two
	revokes.ability, backup.restores = Revokes, 1
	person := bounds{machines: 2, ability: Spends, calls: 2, attempts: 3, crashes: 1, persons: 1}
	repeated := func(held Value, shared Shared, f Facts) (Shared, Decision) {
		f.Open = true
		f.Ability = SpendsElse
		shared.Intent.Ability = min(shared.Intent.Ability, SpendsElse)
		return Claim(held, shared, f)
	}
	lease := func(held Value, shared Shared, f Facts) (Shared, Decision) {
		if f.Silent {
			shared.Intent = Intent{} // the lease expired: the lock is free
		}
		f.Ability = Plain
		return Claim(held, shared, f)
	}
	for _, c := range []struct {
		name   string
		rules  rules
		bounds bounds
		broken string
	}{
		{"a lock that a lease ends", rules{claim: lease}, two, "a seed is shown twice"},
		{"a lock that a lease ends, where calls revoke", rules{claim: lease}, revokes, "without reading back"},
		{"the call is repeated on takeover", rules{claim: repeated, repeats: true}, two, "a seed is shown twice"},
		{"the result is compared and swapped", rules{claim: Claim, bare: true}, two, "a seed is shown twice"},
		{"a write whose answer is lost counts as done", rules{claim: Claim, trusts: true}, two, "a seed is shown twice"},
		{"a take-over that is withdrawn leaves nothing", rules{claim: Claim, forgets: true}, person, "a seed is shown twice"},
		{"a restored backup is believed", rules{claim: Claim, believes: true}, backup, "a seed is shown twice"},
	} {
		states, _, _, way := search(c.bounds, c.rules)
		if way == nil || !strings.Contains(way[len(way)-1], c.broken) {
			t.Errorf("%s: in %d states got %q, want that %s", c.name, states, way, c.broken)
		}
		t.Logf("%s: %d states, %q", c.name, states, way)
	}
}
