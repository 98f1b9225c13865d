package engine

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Query selects credentials and sinks. Its conditions are met together; the
// zero Query selects everything.
type Query struct {
	// Names are names of credentials and sinks, or patterns of them: "*" stands
	// for any text, "?" for one character. A credential that is named comes with
	// the sinks that show it.
	Names []string
	// Provider is the name of one; a sink belongs to those of the credentials
	// that it shows. State is the credential's or the sink's own.
	Provider string
	State    State
	// Fleet is the name of one, "" for what is written out; nil for any.
	Fleet *string
	// Worst puts what needs a look first (the order of CredentialStates and
	// SinkStates, then the names); otherwise names alone order.
	Worst bool
	// Limit cuts credentials and sinks to so many each; 0 for no limit.
	Limit int
	// History keeps the last attempts, which are left out otherwise.
	History bool
}

// fewNames is how many names cost nothing to look up.
const fewNames = 32

// Broad reports whether answering costs the more, the more there is to choose
// from.
func (q Query) Broad() bool {
	return len(q.Names) == 0 || len(q.Names) > fewNames || len(newNames(q.Names).globs) > 0
}

// Text is the same for queries that select the same, and for no others.
func (q Query) Text() string {
	fleet := "any"
	if q.Fleet != nil {
		fleet = strconv.Quote(*q.Fleet)
	}
	return fmt.Sprintf("%q %q %q %s %t %d %t", q.Names, q.Provider, q.State, fleet, q.Worst, q.Limit, q.History)
}

// Totals count by state; those that nothing is in are 0.
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

// FleetOf returns the fleet that a credential or sink belongs to, empty for one
// that is written out.
func FleetOf(name string) string {
	fleet, _, found := strings.Cut(name, "/")
	if !found {
		return ""
	}
	return fleet
}

// Of returns what the query selects of a view that holds everything.
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

// admits reports whether the conditions hold that credentials and sinks share.
func (q Query) admits(name string, s State) bool {
	return (q.State == "" || s == q.State) && (q.Fleet == nil || FleetOf(name) == *q.Fleet)
}

// order sorts what was selected and cuts it.
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

// names are what a query names, with what nothing has fitted yet.
type names struct {
	all    []string
	plain  map[string]bool // whether something has the name
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

// fit reports whether a name is meant, and notes what named it.
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

// unknown returns what nothing has fitted, each once.
func (n *names) unknown() (out []string) {
	for _, name := range n.all {
		if !n.fitted[name] && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// fits reports whether the pattern fits the whole name.
func fits(pattern, name string) bool {
	star, resume := -1, 0 // the last star, and where the name goes on after it
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
