package membership

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// shared is what the cluster needs to know of a plan. It does not change.
type shared struct {
	specs map[string]*plan.Credential
	rates map[string][]schedule.Rate // by provider
	names []string
	hash  string
}

func newShared(specs *plan.Plan) *shared {
	s := &shared{specs: make(map[string]*plan.Credential, len(specs.Credentials)), hash: hashOf(specs), rates: map[string][]schedule.Rate{}}
	for _, p := range specs.Providers {
		s.rates[p.Name] = p.Rates
	}
	for i := range specs.Credentials {
		c := &specs.Credentials[i]
		s.specs[c.Name] = c
		s.names = append(s.names, c.Name)
	}
	return s
}

// missingFrom returns the credentials that another plan does not have.
func (s *shared) missingFrom(other *shared) []string {
	return slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { return other.specs[name] != nil })
}

func (s *shared) spec(name string) (cluster.Spec, bool) {
	c := s.specs[name]
	if c == nil {
		return cluster.Spec{}, false
	}
	return cluster.Spec{
		Timeout: c.Policy.Timeout, Grace: graceOf(c.Source), Identity: c.Identity, Inputs: c.Inputs, Digest: c.Shared,
		Provider: c.Provider, Rates: s.rates[c.Provider],
		Ability: func(held schedule.Record) cluster.Ability { return AbilityOf(c.Source, held.Token().Credential) },
	}, true
}

// hashOf hashes the part of a plan that all machines share. It leaves out secrets:
// what is derived from them must not leave a machine.
func hashOf(specs *plan.Plan) string {
	sum := sha256.New()
	byName := func(a, b plan.Provider) int { return cmp.Compare(a.Name, b.Name) }
	for _, p := range slices.SortedFunc(slices.Values(specs.Providers), byName) {
		fmt.Fprintf(sum, "%q %q %v %d %x\n", p.Name, p.Type, p.Rates, p.Concurrency, p.Settings)
	}
	lines := make([]string, len(specs.Credentials))
	for i := range specs.Credentials {
		c := &specs.Credentials[i]
		p := c.Policy
		p.Schedule, p.Keys = nil, fullKeys(c)
		lines[i] = fmt.Sprintf("%q %q %q %q %v %v %x %+v %q\n", c.Name, c.Provider, c.Type, c.Identity, c.Needs, c.Fields, c.Settings, p, c.Policy.Schedule.Key())
	}
	slices.Sort(lines)
	for _, line := range lines {
		_, _ = io.WriteString(sum, line)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// fullKeys returns the paths of the timing keys that were set for a credential or its
// provider, as all versions hash them.
func fullKeys(c *plan.Credential) map[string]string {
	full := make(map[string]string, len(c.Policy.Keys))
	for key := range c.Policy.Keys {
		full[key] = c.Policy.Key(key, c.Table())
	}
	return full
}

// graceOf returns how long a single-use seed is accepted again.
func graceOf(source credential.Provider) (grace time.Duration) {
	if o, ok := source.(credential.OneWayer); ok {
		_, grace = o.OneWay()
	}
	return grace
}

// AbilityOf returns what the next renewal may do at the backend.
func AbilityOf(source credential.Provider, held credential.Credential) cluster.Ability {
	if s, ok := source.(credential.Spender); ok && s.Spends(held) {
		if o, ok := source.(credential.OneWayer); ok {
			if only, _ := o.OneWay(); only {
				return cluster.Spends
			}
		}
		return cluster.SpendsElse
	}
	if r, ok := source.(credential.Revoker); ok && r.Revokes() {
		return cluster.Revokes
	}
	return cluster.Plain
}
