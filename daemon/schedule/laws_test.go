package schedule

import (
	"reflect"
	"slices"
	"time"
)

// check checks a start against the promises of the board.
func (w *world) check(s Start) {
	key := s.Task.Key
	if w.runs[key] != nil {
		w.broken("%s starts while it is running", name(key))
	}
	if !reflect.DeepEqual(w.tasks[key], s.Task) {
		w.broken("%s starts with an old task", name(key))
	}
	if s.DueAt.After(w.now) && w.model.setBacks == 0 {
		w.broken("%s starts before it is due at %s", name(key), s.DueAt)
	}
	for _, need := range s.Task.Needs {
		c := w.model.credentials[need]
		if key.Kind == Delivering && c != nil && c.text == "" && c.borrowed != "" && w.model.sinks[key.Name].held[need] == c.borrowed {
			continue // a look at what it shows of an earlier identity
		}
		if c == nil || c.text == "" || key.Kind == Obtaining && !c.policy && !c.expires.After(w.now) {
			w.broken("%s starts without %s", name(key), need)
		}
	}
	switch key.Kind {
	case Obtaining:
		w.checkObtaining(s)
	case Hooking:
		sink := w.model.sinks[key.Name]
		if w.runs[Key{Delivering, key.Name}] != nil || sink.changes == sink.ran {
			w.broken("%s starts, its sink runs or has not changed", name(key))
		}
	case Delivering:
	}
}

func (w *world) checkObtaining(s Start) {
	n, p := s.Task.Name, s.Task.Policy
	c, backend := w.model.credentials[n], w.model.providers[s.Task.Group]
	if gap := w.elapsed - c.call.elapsed; c.call.ever && gap < p.MinInterval {
		w.broken("%s starts %s after its last call, the minimum interval is %s", n, gap, p.MinInterval)
	}
	if w.now.Before(backend.notBefore) {
		w.broken("%s starts during the cool-down until %s", n, backend.notBefore)
	}
	running := 0
	for _, r := range w.runs {
		if r.provider == s.Task.Group {
			running++
		}
	}
	if limit := w.groups[s.Task.Group].Concurrency; running >= limit {
		w.broken("%s starts while %d others run, the limit is %d", n, running, limit)
	}
	backend.calls = append(backend.calls, providerCall{w.elapsed, n})
	backend.started, backend.lastStart = true, w.elapsed
	for _, rate := range w.groups[s.Task.Group].Rates {
		in := 0
		for _, call := range backend.calls {
			if w.elapsed-call.elapsed < rate.Per {
				in++
			}
		}
		if in > rate.Calls {
			w.broken("%s is call %d in a window of %v", n, in, rate)
		}
	}
	same := c.inputs == "" || c.inputs == s.Task.Inputs
	if c.parked && same && !c.kicked {
		w.broken("%s starts, though parked", n)
	}
	if w.now.Before(c.retryAfter) && same && !c.kicked {
		w.broken("%s starts before %s, which its backend named", n, c.retryAfter)
	}
	if w.isStale(s.Task, c) {
		w.broken("%s starts with the values of %s that were refused", n, c.stale)
	}
	if planned := s.Why == whyRenewBefore || s.Why == whyMaxAge || s.Why == whySame; planned && w.now.Before(c.expires) && c.expires.Sub(w.now) < longestLife/2 {
		if c.asks++; c.asks > 8 {
			w.broken("%s is attempted for the %dth time before one expiry", n, c.asks)
		}
	}
}

// checkOrder checks that the starts of one instant are ordered by expiry.
func (w *world) checkOrder(starts []Start) {
	last := map[string]time.Time{}
	for _, s := range starts {
		if s.Task.Kind != Obtaining || !HasValue(s.Record.Token().Credential) {
			continue
		}
		e := s.Record.Token().ExpiresAt
		if e.Before(last[s.Task.Group]) {
			w.broken("%s expires at %s and starts after one of %s", s.Task.Name, e, last[s.Task.Group])
		}
		last[s.Task.Group] = e
	}
	for key, task := range w.tasks {
		if key.Kind != Obtaining {
			continue
		}
		if s, _ := w.b.Look(w.now, key); s.Waiting && HasValue(s.Record.Token().Credential) && s.Record.Token().ExpiresAt.Before(last[task.Group]) {
			w.broken("%s expires at %s and waits, one of %s starts", key.Name, s.Record.Token().ExpiresAt, last[task.Group])
		}
	}
}

// checkRest checks the tasks that did not start against the promises of the board.
func (w *world) checkRest() {
	if err := structure(w.b, w.now); err != nil {
		w.broken("%v", err)
	}
	if !w.wake.IsZero() && !w.wake.After(w.now) {
		w.broken("it wants to be asked again at %s, which is past", w.wake)
	}
	for key := range w.tasks {
		s, ok := w.b.Look(w.now, key)
		if !ok || s.Running != (w.runs[key] != nil) {
			w.broken("%s: on the board %v, running %v", name(key), ok, s.Running)
		}
		if s.Running {
			continue
		}
		switch key.Kind {
		case Obtaining:
			w.checkIdleCredential(key.Name, s)
		case Delivering:
			w.checkIdleSink(key.Name, s)
		case Hooking:
			w.checkIdleHook(key.Name, s)
		}
	}
}

// blocked reports whether an input blocks the credential. An expired input is not in
// force again after a small step back of the clock.
func (w *world) blocked(task *Task, c *credentialModel) bool {
	now := w.now
	if w.model.setBacks > 0 {
		now = now.Add(time.Second)
	}
	for _, need := range task.Needs {
		if in := w.model.credentials[need]; in == nil || in.text == "" || !in.expires.After(now) {
			return true
		}
	}
	return w.isStale(task, c)
}

// isStale reports whether an input still has the values that were refused.
func (w *world) isStale(task *Task, c *credentialModel) bool {
	_, mark := w.b.Token(c.stale)
	input := w.model.credentials[c.stale]
	return slices.Contains(task.Needs, c.stale) && mark.Generation == c.generation && (input == nil || input.answers == c.staleAt)
}

func (w *world) checkIdleCredential(n string, s Status) {
	c, task := w.model.credentials[n], s.Task
	parked := c.parked && c.inputs == task.Inputs && !c.kicked
	// An input may expire before the planned instant; the board notices it then.
	if blocked := w.blocked(task, c); s.At.IsZero() && !parked && !blocked || parked && !s.At.IsZero() {
		w.broken("%s: next at %s because %q, parked %v, blocked %v", n, s.At, s.Why.Text, parked, blocked)
	}
	if s.Waiting {
		w.checkHeld(n, task)
		return
	}
	if s.At.IsZero() {
		return
	}
	if s.Why != whyCooldown && !s.At.After(w.now) {
		w.broken("%s was due at %s and did not start", n, s.At)
	}
	// Consecutive crashes during calls count as failures.
	if c.failures > 0 || s.Record.Past.Unknown > 1 || c.text == "" || w.blocked(task, c) {
		return
	}
	// The backend answered: only the minimum interval and a hint may let it expire.
	latest := later(c.expires, c.useful)
	if s.Record.Token().Unchanged > 0 {
		// A server that returns its current token states the remaining lifetime in
		// whole seconds: at the stated expiry it would return the same token.
		latest = later(c.expires.Add(time.Second), c.useful)
	}
	if c.call.ever {
		latest = later(latest, c.call.wall.Add(task.Policy.MinInterval))
	}
	if !latest.After(w.now) {
		w.broken("%s is over since %s and does not start", n, latest)
	}
	if w.wake.IsZero() || w.wake.After(latest) {
		w.broken("%s is over at %s, the board sleeps until %s", n, latest, w.wake)
	}
}

// checkHeld checks that a due credential has a reason to wait.
func (w *world) checkHeld(n string, task *Task) {
	backend, group, running := w.model.providers[task.Group], w.groups[task.Group], 0
	for _, r := range w.runs {
		if r.provider == task.Group {
			running++
		}
	}
	if running >= group.Concurrency || w.now.Before(backend.mayHold) {
		return
	}
	if w.elapsed-w.replayed <= max(firstCooldown, backend.longest) && w.model.setBacks > 0 {
		return // a wait from a record has its full length again
	}
	for _, rate := range group.Rates {
		// After a restart the records may hold instants from before the clock was set
		// back.
		if w.elapsed-w.replayed <= rate.Per+time.Second && w.model.setBacks > 0 {
			return
		}
		for _, p := range w.model.providers { // its credentials may have moved from another one
			if p.started && w.elapsed-p.lastStart <= rate.Per+time.Second {
				return
			}
		}
	}
	gs, _ := w.b.LookGroup(task.Group)
	for _, p := range w.model.providers {
		if w.replays > 0 && w.now.Before(p.mayHold) && !gs.Record.CooldownUntil.After(p.mayHold) {
			return // it moved from there, and its record holds the requested wait
		}
	}
	st, _ := w.b.Look(w.now, task.Key)
	w.broken("%s is due and waits for nothing: %s at %s; cooled until %s, the model says %s", n, st.Why.Text, st.At.Sub(instant0), gs.Record.CooldownUntil.Sub(instant0), backend.mayHold.Sub(instant0))
}

// owed reports whether all values exist, and the sink lacks one of them.
func (w *world) owed(n string) (ready, owed bool) {
	task, sink := w.tasks[Key{Delivering, n}], w.model.sinks[n]
	owed = sink.target != task.Target
	borrowed := false
	for _, need := range task.Needs {
		c := w.model.credentials[need]
		shown := c.shown()
		if shown == "" {
			return false, false
		}
		borrowed = borrowed || c.text == ""
		owed = owed || sink.held[need] != shown
	}
	if borrowed && owed {
		return false, false
	}
	return true, owed
}

func (w *world) checkIdleSink(n string, s Status) {
	sink := w.model.sinks[n]
	ready, owed := w.owed(n)
	switch {
	case !ready && !s.At.IsZero():
		w.broken("sink %s wants to start without its values", n)
	case owed && !sink.failing:
		w.broken("sink %s is owed and does not start: %s", n, s.Why.Text)
	case owed && (s.At.IsZero() || s.At.Sub(w.now) > 31*time.Second):
		w.broken("sink %s failed and is tried again at %s", n, s.At)
	}
}

func (w *world) checkIdleHook(n string, s Status) {
	sink := w.model.sinks[n]
	if w.runs[Key{Delivering, n}] != nil || sink.changes == sink.ran {
		return
	}
	if _, owed := w.owed(n); owed && !sink.failing {
		return
	}
	if look, _ := w.b.Look(w.now, Key{Delivering, n}); look.Owed && !sink.failing {
		return // an expiry by policy has moved
	}
	if !sink.hookFailing || s.At.IsZero() || s.At.Sub(w.now) > 31*time.Second {
		w.broken("hook %s is owed, failing %v, next at %s because %q", n, sink.hookFailing, s.At, s.Why.Text)
	}
}
