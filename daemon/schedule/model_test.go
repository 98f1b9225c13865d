package schedule

import (
	"time"
)

// model is the expected state, independent of the board.
type model struct {
	credentials map[string]*credentialModel
	sinks       map[string]*sinkModel
	providers   map[string]*providerModel
	setBacks    int
	setBackBy   time.Duration
}

// callTime is when a call was started.
type callTime struct {
	ever    bool
	elapsed time.Duration
	wall    time.Time
}

type credentialModel struct {
	identity, inputs string // of the last attempt
	call             callTime
	text             string // the current value, empty if none
	borrowed         string // value of an earlier identity that sinks keep until there is a new one
	expires, useful  time.Time
	answered         time.Time // the expiry before the configuration moved it
	policy, counted  bool
	failures         int
	since            time.Time     // of the first of them
	wait             time.Duration // after the last failure, under this task and with this expiry
	under            *Task
	until            time.Time
	parked           bool
	retryAfter       time.Time
	answers, staleAt int    // successes so far; those of the input when its values were refused
	stale            string // an input whose values were refused, at this generation
	generation       uint64
	kicked           bool
	asks             int // planned calls for the current expiry
}

// shown returns what a sink shows after the last answer.
func (c *credentialModel) shown() string {
	if c == nil {
		return ""
	}
	if c.text == "" {
		return c.borrowed
	}
	return c.text + c.answered.String()
}

// drop resets the model for a new identity, except for the value that sinks show.
func (c *credentialModel) drop() {
	*c = credentialModel{call: c.call, kicked: c.kicked, borrowed: c.shown()}
}

type sinkModel struct {
	held                 map[string]string
	target               string
	changes, ran         uint64
	failing, hookFailing bool
}

// providerModel holds the calls to a backend that the board can know of.
type providerModel struct {
	calls []providerCall
	// No call may start before notBefore; one may be held until mayHold.
	notBefore, mayHold time.Time
	longest            time.Duration // longest wait that the backend asked for
	lastStart          time.Duration
	started            bool
}

type providerCall struct {
	elapsed time.Duration
	name    string
}

func newModel() model {
	return model{credentials: map[string]*credentialModel{}, sinks: map[string]*sinkModel{}, providers: map[string]*providerModel{}}
}

// setBack sets the clock back and moves the instants computed from it. The waits of a
// streak can no longer be compared.
func (m *model) setBack(w *world, by time.Duration) {
	m.setBacks++
	m.setBackBy += by
	for n, c := range m.credentials {
		c.wait = 0
		for _, at := range []*time.Time{&c.call.wall, &c.since, &c.retryAfter} {
			if !at.IsZero() {
				*at = at.Add(-by)
			}
		}
		if w.runs[Key{Obtaining, n}] != nil || c.text == "" {
			continue
		}
		if c.counted || c.policy {
			c.expires, c.answered = c.expires.Add(-by), c.expires.Add(-by)
			if !c.useful.IsZero() {
				c.useful = c.useful.Add(-by)
			}
		}
		if got, _ := w.b.Token(n); w.tasks[Key{Obtaining, n}] != nil && !got.ExpiresAt.Equal(c.expires) {
			w.broken("%s: the clock was set back by %s, and it expires at %s, not %s", n, by, got.ExpiresAt, c.expires)
		}
	}
	for _, p := range m.providers {
		p.notBefore, p.mayHold = p.notBefore.Add(-by), p.mayHold.Add(-by)
	}
}

// checkSetBack checks an attempt during which the clock was set back: instants computed
// before must have moved with the clock.
func (w *world) checkSetBack(c *credentialModel, r *run, rec Record) {
	by := w.model.setBackBy - r.setBack
	if by == 0 || c.text == "" {
		return
	}
	got, _ := w.b.Token(r.start.Task.Name)
	want := rec.Token().ExpiresAt
	if rec.Token().CountedExpiry || rec.Token().PolicyExpiry {
		want = want.Add(-by)
	}
	if moved := w.tasks[r.start.Task.Key].Policy.MaxAge != r.start.Task.Policy.MaxAge; !got.ExpiresAt.Equal(want) && !moved {
		w.broken("%s: the clock was set back by %s during its call, and it expires at %s, not %s", r.start.Task.Name, by, got.ExpiresAt, want)
	}
	c.expires, c.answered, c.useful = got.ExpiresAt, got.ExpiresAt, got.UsefulAfter
}

// pullBack moves a call from the future to now.
func (c *callTime) pullBack(now time.Time) {
	if c.wall.After(now) {
		c.wall = now.Add(time.Second) // less may go unnoticed
	}
}

// recover accepts expiries that were stored before the clock was set back.
func (m *model) recover(w *world) {
	for n, c := range m.credentials {
		got, _ := w.b.Token(n)
		if m.setBacks == 0 || c.text == "" || got.ExpiresAt.Equal(c.expires) {
			continue
		}
		c.expires, c.answered, c.useful = got.ExpiresAt, got.ExpiresAt, got.UsefulAfter
	}
}

// restart resets the state that is not stored.
func (m *model) restart(w *world) {
	for n, c := range m.credentials {
		c.kicked, c.stale = false, ""
		// A correction that was not stored is lost.
		c.call.wall = w.store[Key{Obtaining, n}].Past.AttemptAt
		c.call.pullBack(w.now)
	}
}

// forgetCalls keeps only the last call of each credential of a provider, as the records
// do.
func (m *model) forgetCalls(w *world, provider string) {
	p := m.providers[provider]
	var kept []providerCall
	for _, call := range p.calls {
		task := w.tasks[Key{Obtaining, call.name}]
		c := m.credentials[call.name]
		if task != nil && task.Group == provider && c != nil && c.call.ever && c.call.elapsed == call.elapsed {
			kept = append(kept, call)
		}
	}
	p.calls = kept
}

// cool applies an answer to the expected cool-down of its backend.
func (m *model) cool(provider string, res Result) {
	p := m.providers[provider]
	if p == nil || !res.Called || res.Fault == nil {
		return
	}
	asked := res.Fault.RetryAfter
	switch {
	case asked.After(res.End):
	case res.Fault.Reason == "throttled":
		if !p.mayHold.After(res.End) { // otherwise it may count as the same refusal
			p.notBefore = res.End.Add(firstCooldown)
		}
		p.mayHold = later(p.mayHold, res.End.Add(maxCallDelay))
		return
	default:
		return
	}
	p.notBefore, p.mayHold = later(p.notBefore, asked), later(p.mayHold, asked)
	p.longest = max(p.longest, asked.Sub(res.End))
}

// modelEnd updates the model after a renewal, and checks the record against the answer.
func (w *world) modelEnd(c *credentialModel, r *run, rec Record, res Result) {
	task, was := r.start.Task, r.start.Record
	if !res.Called {
		c.call = r.before
	}
	c.call.pullBack(w.now)
	if res.Fault == nil {
		c.answers++
	}
	c.stale = ""
	if res.Fault != nil && res.Fault.StaleInput != "" {
		n := res.Fault.StaleInput
		_, mark := w.b.Token(n)
		// Otherwise the refused values have been renewed already.
		if input := w.model.credentials[n]; input != nil && mark.Generation == r.marks.Of(n).Generation {
			c.stale, c.generation, c.staleAt = n, mark.Generation, input.answers
		}
	}
	if task.Identity != w.tasks[task.Key].Identity {
		return
	}
	if c.inputs != "" && c.inputs != task.Inputs {
		c.failures, c.wait, c.parked = 0, 0, false
	}
	c.identity, c.inputs = task.Identity, task.Inputs
	if rec.Token().Revision < was.Token().Revision || rec.Token().Generation < was.Token().Generation {
		w.broken("%s goes back from generation %d, revision %d to %d, %d", task.Name, was.Token().Generation, was.Token().Revision, rec.Token().Generation, rec.Token().Revision)
	}
	if res.Fault != nil {
		w.modelFailure(c, task, rec, res)
		w.checkSetBack(c, r, rec)
		w.checkMoved(c, task.Key)
		return
	}
	text := res.Token.Values["token"].Reveal()
	fresh := text != c.text
	if (rec.Token().Generation != was.Token().Generation) != fresh || fresh && rec.Token().Revision == was.Token().Revision {
		w.broken("%s: fresh %v, generation %d after %d, revision %d after %d", task.Name, fresh, rec.Token().Generation, was.Token().Generation, rec.Token().Revision, was.Token().Revision)
	}
	stated := res.Token.ExpiresAt
	switch got := rec.Token().ExpiresAt; {
	case rec.Token().PolicyExpiry && !got.Equal(rec.Token().IssuedAt.Add(task.Policy.MaxAge)) && fresh:
		w.broken("%s: a policy life ends at %s", task.Name, got)
	case rec.Token().PolicyExpiry && !stated.IsZero(), fresh && !stated.IsZero() && !got.Equal(stated), !fresh && !stated.IsZero() && got.Sub(stated).Abs() > sameExpiry:
		w.broken("%s: the server said %s, the record says %s", task.Name, stated, got)
	}
	if fresh || !rec.Token().ExpiresAt.Equal(c.expires) {
		c.asks = 0
	}
	c.text, c.expires, c.useful, c.policy = text, rec.Token().ExpiresAt, res.Token.UsefulAfter, rec.Token().PolicyExpiry
	c.counted = rec.Token().CountedExpiry
	if fresh || rec.Token().Revision != was.Token().Revision {
		c.answered = c.expires
	}
	c.failures, c.wait, c.parked, c.retryAfter = 0, 0, false, time.Time{}
	if got, mark := w.b.Token(task.Name); got.Values["token"].Reveal() != text || mark.Generation != rec.Token().Generation || mark.Revision < rec.Token().Revision {
		w.broken("%s: the board holds another value than was folded", task.Name)
	}
	w.checkSetBack(c, r, rec)
	w.checkMoved(c, task.Key)
}

// modelFailure checks the wait after a failure.
func (w *world) modelFailure(c *credentialModel, task *Task, rec Record, res Result) {
	c.failures++
	if c.failures == 1 {
		c.since = res.End
	}
	if res.Called {
		c.parked = c.parked || res.Fault.Reason.Parks()
	}
	wait, p := rec.Past.RetryAt.Sub(res.End), task.Policy
	c.retryAfter = time.Time{}
	if rec.Past.Asked {
		c.wait, c.retryAfter = 0, res.Fault.RetryAfter
		if !rec.Past.RetryAt.Equal(res.Fault.RetryAfter) {
			w.broken("%s: retried at %s, asked was %s", task.Name, rec.Past.RetryAt, res.Fault.RetryAfter)
		}
		return
	}
	if res.Fault.RetryAfter.After(rec.Past.RetryAt) {
		w.broken("%s: retried at %s, before %s", task.Name, rec.Past.RetryAt, res.Fault.RetryAfter)
	}
	if !res.Called {
		if c.wait = 0; wait < time.Second || wait > 30*time.Second {
			w.broken("%s: a wait of %s after a preflight", task.Name, wait)
		}
		return
	}
	most := max(p.MinInterval, 5*time.Minute)
	// No attempt is the last for an expiry that only max_age sets.
	last := rec.Token().StatedEnd().Add(-p.Timeout)
	room := p.MinInterval + max(0, min(res.End.Sub(res.At), p.Timeout))
	if rec.Past.RetryAt.Equal(last) || rec.Past.RetryAt.Equal(last.Add(-room)) {
		// The wait was adjusted to the last useful instant.
		if wait < p.MinInterval || wait > most {
			w.broken("%s: a wait of %s, want %s to %s", task.Name, wait, p.MinInterval, most)
		}
		return
	}
	if w.now.Before(last) && rec.Past.RetryAt.After(last.Add(-room)) && last.Sub(w.now) >= p.MinInterval && last.Sub(w.now) <= 5*time.Minute {
		w.broken("%s: tried at %s and not at %s, the last attempt that can be in time", task.Name, rec.Past.RetryAt, last)
	}
	if w.model.setBacks == 0 && c.text != "" && c.expires.After(res.End) {
		most = max(p.MinInterval, min(most, c.expires.Sub(c.since)/8))
	}
	if wait < p.MinInterval || wait > most {
		w.broken("%s: a wait of %s, want %s to %s", task.Name, wait, p.MinInterval, most)
	}
	if wait < c.wait && task == c.under && rec.Token().ExpiresAt.Equal(c.until) {
		w.broken("%s: a wait of %s after one of %s", task.Name, wait, c.wait)
	}
	c.wait, c.under, c.until = wait, task, rec.Token().ExpiresAt
}
