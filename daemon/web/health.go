package web

import (
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

type providerRow struct {
	Name, Type, State, Class string
	InForce, Credentials     int
	Running, Waiting         int
	Answered, Cooldown       when
}

// health is what the attempts of a provider's credentials say of its backend.
type health struct {
	credentials, inForce int
	last                 schedule.Attempt // the latest of all
	answeredAt           time.Time        // the latest good answer
}

// healthOf gathers the health of every provider, by name.
func healthOf(v engine.View) map[string]*health {
	all := make(map[string]*health, len(v.Providers))
	for _, p := range v.Providers {
		all[p.Name] = &health{}
	}
	for _, c := range v.Credentials {
		h := all[c.Provider]
		if h == nil {
			continue
		}
		h.credentials++
		if c.InForce(v.At) {
			h.inForce++
		}
		for _, a := range c.History {
			end := a.At.Add(a.Took)
			if a.Outcome != schedule.Failed && end.After(h.answeredAt) {
				h.answeredAt = end
			}
			if end.After(h.last.At.Add(h.last.Took)) {
				h.last = a
			}
		}
	}
	return all
}

// providerRows shows every backend: whether it answers, and what waits for it.
func providerRows(v engine.View, l tongue) []providerRow {
	all := healthOf(v)
	rows := make([]providerRow, 0, len(v.Providers))
	for _, p := range v.Providers {
		h := all[p.Name]
		row := providerRow{
			Name: p.Name, Type: p.Type, InForce: h.inForce, Credentials: h.credentials, Running: p.Running, Waiting: p.Waiting,
			Answered: l.seen(h.answeredAt, v.At), Cooldown: l.seen(p.CooldownUntil, v.At),
		}
		word := "answers"
		row.Class = ClassGood
		switch {
		case !p.CooldownUntil.IsZero():
			word, row.Class = "cooling down", ClassWarn
		case h.last.At.IsZero():
			word, row.Class = "not asked yet", ClassWarn
		case h.last.Outcome == schedule.Failed:
			word, row.Class = "failing", ClassBad
		}
		row.State = l.say(word)
		rows = append(rows, row)
	}
	return rows
}
