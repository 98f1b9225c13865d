package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Query selects credentials and sinks that meet all its conditions; the zero Query
// selects everything.
type Query struct {
	// Names are names of credentials and sinks, or patterns: "*" matches any text,
	// "?" one character. A named credential also selects the sinks that use it.
	Names []string
	// Provider is a provider's name; sinks match by the credentials they use.
	// State is the credential's or the sink's own.
	Provider string
	State    State
	// Fleet is a fleet's name, "" for objects outside fleets; nil for any.
	Fleet *string
	// Worst sorts by state, in the order of CredentialStates and SinkStates, then
	// by name; otherwise by name only.
	Worst bool
	// Limit is the maximum number of credentials and of sinks; 0 for no limit.
	Limit int
	// History includes the last attempts.
	History bool
}

// fewNames is how many names are cheap to look up.
const fewNames = 32

// Broad reports whether the cost of the query grows with the number of credentials
// and sinks.
func (q Query) Broad() bool {
	return len(q.Names) == 0 || len(q.Names) > fewNames || len(newNames(q.Names).globs) > 0
}

// Text returns a text that is equal exactly for equal queries.
func (q Query) Text() string {
	fleet := "any"
	if q.Fleet != nil {
		fleet = strconv.Quote(*q.Fleet)
	}
	return fmt.Sprintf("%q %q %q %s %t %d %t", q.Names, q.Provider, q.State, fleet, q.Worst, q.Limit, q.History)
}

// Totals count by state. Every state has an entry.
type Totals struct{ Credentials, Sinks map[State]int }

func newTotals() Totals {
	t := Totals{make(map[State]int, len(CredentialStates)), make(map[State]int, len(SinkStates))}
	for _, s := range CredentialStates {
		t.Credentials[s] = 0
	}
	for _, s := range SinkStates {
		t.Sinks[s] = 0
	}
	return t
}

// FleetOf returns the fleet of a credential or sink, empty if it has none.
func FleetOf(name string) string {
	fleet, _, found := strings.Cut(name, "/")
	if !found {
		return ""
	}
	return fleet
}

// Of applies the query to a view of everything.
func (q Query) Of(all View) View {
	v := View{At: all.At, Providers: all.Providers, StateError: all.StateError, Totals: newTotals()}
	names, shown, providers := newNames(q.Names), map[string]bool{}, map[string]string{}
	for _, c := range all.Credentials {
		named := names.fit(c.Name)
		shown[c.Name], providers[c.Name] = named, c.Provider
		if named && q.admits(c.Name, c.State) && (q.Provider == "" || c.Provider == q.Provider) {
			if !q.History {
				c.History = nil
			}
			v.Credentials = append(v.Credentials, c)
			v.Totals.Credentials[c.State]++
		}
	}
	for _, s := range all.Sinks {
		named := names.fit(s.Name)
		ofProvider := q.Provider == ""
		for _, name := range s.Needs {
			named = named || shown[name]
			ofProvider = ofProvider || providers[name] == q.Provider
		}
		if named && ofProvider && q.admits(s.Name, s.State) {
			v.Sinks = append(v.Sinks, s)
			v.Totals.Sinks[s.State]++
		}
	}
	v.Unknown = names.unknown()
	q.order(&v)
	return v
}

// admits checks the conditions common to credentials and sinks.
func (q Query) admits(name string, s State) bool {
	return (q.State == "" || s == q.State) && (q.Fleet == nil || FleetOf(name) == *q.Fleet)
}

// order sorts the view and applies the limit.
func (q Query) order(v *View) {
	slices.SortFunc(v.Credentials, func(a, b CredentialView) int {
		if q.Worst {
			return cmp.Or(worse(CredentialStates[:], a.State, b.State), cmp.Compare(a.Name, b.Name))
		}
		return cmp.Compare(a.Name, b.Name)
	})
	slices.SortFunc(v.Sinks, func(a, b SinkView) int {
		if q.Worst {
			return cmp.Or(worse(SinkStates[:], a.State, b.State), cmp.Compare(a.Name, b.Name))
		}
		return cmp.Compare(a.Name, b.Name)
	})
	if q.Limit > 0 {
		v.Credentials = v.Credentials[:min(q.Limit, len(v.Credentials))]
		v.Sinks = v.Sinks[:min(q.Limit, len(v.Sinks))]
	}
}

func worse(order []State, a, b State) int {
	if a == b {
		return 0
	}
	return cmp.Compare(slices.Index(order, a), slices.Index(order, b))
}

// names matches the names and patterns of a query, and records which have matched.
type names struct {
	all    []string
	plain  map[string]bool // the names without wildcards
	globs  []string
	fitted map[string]bool
}

func newNames(all []string) *names {
	n := &names{all: all, plain: map[string]bool{}, fitted: map[string]bool{}}
	for _, name := range all {
		if strings.ContainsAny(name, "*?") {
			n.globs = append(n.globs, name)
		} else {
			n.plain[name] = false
		}
	}
	return n
}

// fit reports whether a name matches, and records the matching names and patterns.
func (n *names) fit(name string) bool {
	if len(n.all) == 0 {
		return true
	}
	_, found := n.plain[name]
	if found {
		n.fitted[name] = true
	}
	for _, glob := range n.globs {
		if fits(glob, name) {
			n.fitted[glob], found = true, true
		}
	}
	return found
}

// unknown returns the names and patterns without a match, each once.
func (n *names) unknown() (out []string) {
	for _, name := range n.all {
		if !n.fitted[name] && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// fits reports whether the pattern matches the whole name.
func fits(pattern, name string) bool {
	star, resume := -1, 0 // the last star, and where matching resumes after it
	p, i := 0, 0
	for i < len(name) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == name[i]):
			p++
			i++
		case star >= 0:
			resume++
			p, i = star+1, resume
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
