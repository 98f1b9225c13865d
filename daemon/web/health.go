package web

import (
	"cmp"
	"slices"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

type providerRow struct {
	Name, Type, State, Class string
	InForce, Credentials     int
	Running, Waiting         int
	Failing, Cooldown        when
}

// health summarizes the credentials of a provider.
type health struct {
	credentials, inForce, pending int
	failingSince                  time.Time
}

// healthOf returns the health of each provider by name.
func healthOf(s engine.Summary) map[string]*health {
	all := make(map[string]*health, len(s.Providers))
	for _, p := range s.Providers {
		all[p.Name] = &health{}
	}
	for _, sum := range s.Credentials {
		h := all[sum.Provider]
		if h == nil {
			continue
		}
		h.credentials += count(sum.States)
		h.pending += sum.States[engine.Pending]
		h.inForce += sum.States[engine.Valid] + sum.States[engine.Failing] + sum.States[engine.Overdue]
		if at := sum.OldestFailure; !at.IsZero() && (h.failingSince.IsZero() || at.Before(h.failingSince)) {
			h.failingSince = at
		}
	}
	return all
}

// providerRows returns a row per backend, the failing ones first.
func providerRows(s engine.Summary, l tongue) []providerRow {
	all := healthOf(s)
	rows := make([]providerRow, 0, len(s.Providers))
	for _, p := range s.Providers {
		h := all[p.Name]
		row := providerRow{
			Name: p.Name, Type: p.Type, InForce: h.inForce, Credentials: h.credentials, Running: p.Running, Waiting: p.Waiting,
			Failing: l.seen(h.failingSince, s.At), Cooldown: l.seen(p.CooldownUntil, s.At),
		}
		word := "answers"
		row.Class = view.ClassGood
		switch {
		case !p.CooldownUntil.IsZero():
			word, row.Class = "cooling down", view.ClassWarn
		case !h.failingSince.IsZero():
			word, row.Class = "failing", view.ClassBad
		case h.pending == h.credentials:
			word, row.Class = "not asked yet", view.ClassWarn
		}
		row.State = l.say(word)
		rows = append(rows, row)
	}
	order := []string{view.ClassBad, view.ClassWarn, view.ClassGood}
	slices.SortStableFunc(rows, func(a, b providerRow) int {
		return cmp.Compare(slices.Index(order, a.Class), slices.Index(order, b.Class))
	})
	return rows
}
