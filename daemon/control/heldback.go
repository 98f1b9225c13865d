package control

import (
	"slices"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/view"
)

// longestWait is how long a renewal by hand waits for a backend that asked to be
// left alone.
const longestWait = time.Minute

// LeaveKept tells the end of those whose refresh token is kept back, and returns
// the others.
func LeaveKept(kept map[string]time.Time, names []string, tell func(engine.RenewResult)) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		until, found := kept[name]
		if found {
			tell(engine.RenewResult{Name: name, Failure: "the last answer was lost, so what works once, such as a refresh token, may be used up: it is shown again at " +
				view.Local(until) + ", when the value in force is about to end (vigente renew " + name + " --force shows it now; the server may then revoke everything)"})
		}
		return found
	})
}

// LeavePaused tells the end of those that are paused, and returns the others.
func LeavePaused(v engine.View, names []string, tell func(engine.RenewResult)) []string {
	paused := map[string]time.Time{}
	for _, c := range v.Credentials {
		if c.PausedUntil.After(v.At) {
			paused[c.Name] = c.PausedUntil
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		until, found := paused[name]
		if !found {
			return false
		}
		how := "until " + view.Local(until)
		if until.Year() >= view.EndlessYear {
			how = "until it is resumed"
		}
		tell(engine.RenewResult{Name: name, Failure: "it is paused " + how + " (vigente resume " + name + " ends the pause)"})
		return true
	})
}

// LeaveAlone tells the end of those that would wait for long, and returns the
// others.
func LeaveAlone(v engine.View, names []string, tell func(engine.RenewResult)) []string {
	cooling := map[string]time.Time{}
	for _, p := range v.Providers {
		cooling[p.Name] = p.CooldownUntil
	}
	late := map[string]time.Time{}
	for _, c := range v.Credentials {
		until := cooling[c.Provider]
		if asked := schedule.AskedToWait(c.NextReason); asked && c.NextAttemptAt.After(until) {
			until = c.NextAttemptAt
		}
		if until.Sub(v.At) > longestWait {
			late[c.Name] = until
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		until, found := late[name]
		if found {
			tell(engine.RenewResult{Name: name, Failure: "the backend asked to wait until " + view.Local(until) + " (vigente renew " + name + " --ignore-cooldown calls it before)"})
		}
		return found
	})
}
