package main

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/vigented/vigente/daemon/simulate"
	"github.com/vigented/vigente/daemon/view"
)

// rehearsalReport is the document of simulate --json. Instants are RFC 3339 in
// UTC, lengths are seconds.
type rehearsalReport struct {
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
		From: view.Stamp(s.From), To: view.Stamp(s.From.Add(s.For)), Lapsed: r.Lapsed(),
		Credentials: []rehearsedCredential{}, Providers: []rehearsedProvider{},
	}
	for _, c := range r.Credentials {
		one := rehearsedCredential{c.Name, c.Provider, c.Renewals, c.Failed, []lapse{}}
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

// writeRehearsalJSON prints what a simulation showed for programs.
func writeRehearsalJSON(w *printer, r simulate.Rehearsal, s simulate.Scenario) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(newRehearsalReport(r, s))
}

// writeRehearsal prints what a simulation showed for people.
func writeRehearsal(w *printer, r simulate.Rehearsal, s simulate.Scenario) {
	w.printf("simulated %s to %s\n\n", s.From.UTC().Format(time.RFC3339), s.From.Add(s.For).UTC().Format(time.RFC3339))
	good := 0
	for _, c := range r.Credentials {
		if len(c.Lapses) == 0 {
			good++
			continue
		}
		for _, lapse := range c.Lapses {
			w.printf("LAPSED  %s for %s: %s to %s\n", c.Name, lapse.To.Sub(lapse.From).Round(time.Second),
				lapse.From.UTC().Format(time.RFC3339), lapse.To.UTC().Format(time.RFC3339))
		}
	}
	if good < len(r.Credentials) {
		w.printf("\n")
	}
	w.printf("%d of %s never lapsed\n", good, count(len(r.Credentials), "credential"))
	for _, p := range r.Providers {
		w.printf("provider %s: %s, at most %d a day and %d within a minute\n", p.Name, count(p.Calls, "call"), slices.Max(p.Days), p.Busiest)
	}
}
