package main

import (
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/simulate"
	"github.com/vigented/vigente/daemon/view"
)

// rehearsalReport is the document of simulate --json. Instants are RFC 3339 in
// UTC, lengths are seconds.
type rehearsalReport struct {
	Format      int                   `json:"format"`
	From        string                `json:"from"`
	To          string                `json:"to"`
	Lapsed      bool                  `json:"lapsed"`
	Credentials []rehearsedCredential `json:"credentials"`
	Providers   []rehearsedProvider   `json:"providers"`
}

type rehearsedCredential struct {
	Name     string  `json:"name"`
	Provider string  `json:"provider"`
	Renewals int     `json:"renewals"`
	Failed   int     `json:"failed"`
	Lapses   []lapse `json:"lapses"`
	// Planned are the gaps at an expiry that cannot be renewed ahead.
	Planned               int     `json:"planned_gaps"`
	LongestPlannedSeconds float64 `json:"longest_planned_gap_seconds"`
}

type lapse struct {
	From    string  `json:"from"`
	To      string  `json:"to"`
	Seconds float64 `json:"seconds"`
}

type rehearsedProvider struct {
	Name          string `json:"name"`
	Calls         int    `json:"calls"`
	CallsPerDay   []int  `json:"calls_per_day"`
	BusiestMinute int    `json:"busiest_minute"`
}

func newRehearsalReport(r simulate.Rehearsal, s simulate.Scenario) rehearsalReport {
	out := rehearsalReport{
		Format: 1,
		From:   view.Stamp(s.From), To: view.Stamp(s.From.Add(s.For)), Lapsed: r.Lapsed(),
		Credentials: []rehearsedCredential{}, Providers: []rehearsedProvider{},
	}
	for _, c := range r.Credentials {
		one := rehearsedCredential{c.Name, c.Provider, c.Renewals, c.Failed, []lapse{}, c.Planned, c.LongestPlanned.Seconds()}
		for _, l := range c.Lapses {
			one.Lapses = append(one.Lapses, lapse{view.Stamp(l.From), view.Stamp(l.To), l.To.Sub(l.From).Seconds()})
		}
		out.Credentials = append(out.Credentials, one)
	}
	for _, p := range r.Providers {
		out.Providers = append(out.Providers, rehearsedProvider{p.Name, p.Calls, p.Days, p.Busiest})
	}
	return out
}

// writeRehearsalJSON prints the result of a simulation as JSON.
func writeRehearsalJSON(w *printer, r simulate.Rehearsal, s simulate.Scenario) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(newRehearsalReport(r, s))
}

// mostGaps is the number of lapses shown to people.
const mostGaps = 50

// writeRehearsal prints the result of a simulation for people.
func writeRehearsal(w *printer, r simulate.Rehearsal, s simulate.Scenario) {
	w.printf("simulated %s to %s\n\n", view.Local(s.From), view.Local(s.From.Add(s.For)))
	good, planned, longest := 0, 0, time.Duration(0)
	type gap struct {
		name string
		engine.Span
	}
	var gaps []gap
	for _, c := range r.Credentials {
		planned, longest = planned+c.Planned, max(longest, c.LongestPlanned)
		if len(c.Lapses) == 0 {
			good++
		}
		for _, l := range c.Lapses {
			gaps = append(gaps, gap{c.Name, l})
		}
	}
	slices.SortStableFunc(gaps, func(a, b gap) int { return cmp.Compare(b.To.Sub(b.From), a.To.Sub(a.From)) })
	for _, g := range gaps[:min(len(gaps), mostGaps)] {
		w.printf("LAPSED  %s for %s: %s to %s\n", g.name, g.To.Sub(g.From).Round(time.Second), view.Local(g.From), view.Local(g.To))
	}
	if left := len(gaps) - mostGaps; left > 0 {
		w.printf("and %d shorter ones (--json lists all)\n", left)
	}
	if len(gaps) > 0 {
		w.printf("\n")
	}
	if planned > 0 {
		w.printf("%s of at most %s at an expiry that cannot be renewed ahead, as planned\n", count(planned, "gap"), longest.Round(time.Second))
	}
	w.printf("%d of %s never lapsed\n", good, count(len(r.Credentials), "credential"))
	for _, p := range r.Providers {
		w.printf("provider %s: %s, at most %d a day and %d within a minute\n", p.Name, count(p.Calls, "call"), slices.Max(p.Days), p.Busiest)
	}
}
