package notify

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Cause is one reason to notify about a credential: its own state, or that of
// one of its sinks.
type Cause struct {
	Sink    string `json:"sink,omitempty"` // empty for the credential itself
	State   string `json:"state"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`
}

// Event is what a command receives in its environment and as a line on standard
// input.
type Event struct {
	Event      string `json:"event"`
	Credential string `json:"credential"`
	Sink       string `json:"sink"`
	State      string `json:"state"`
	Reason     string `json:"reason"`
	Message    string `json:"message"`
}

// Values of Event.Event.
const (
	Failed    = "failed"
	Recovered = "recovered"
)

// gather is how long an event waits for others with the same command.
const gather = time.Second

// Limits of the backoff after a failed run, as for hooks.
const (
	firstRetry = time.Second
	lastRetry  = 30 * time.Second
)

// phase is the progress of a credential's event.
type phase string

const (
	waiting    phase = ""          // a cause exists, but not long enough
	failing    phase = "failed"    // failed must be reported
	reported   phase = "told"      // failed was reported
	recovering phase = "recovered" // recovered must be reported
)

// Entry is the event of one credential. It survives restarts.
type Entry struct {
	// Since is when each current cause began, by sink.
	Since map[string]time.Time `json:"since,omitempty"`
	Phase phase                `json:"phase,omitempty"`
	// Cause is the cause that failed reports, and CauseAt when it began.
	Cause   Cause     `json:"cause,omitzero"`
	CauseAt time.Time `json:"cause_at,omitzero"`
	// At is when the run is due.
	At time.Time `json:"at,omitzero"`
	// Begun means that a run was started. After a load it means that a crash
	// interrupted the run.
	Begun bool `json:"begun,omitempty"`
	Tries int  `json:"tries,omitempty"`
}

// Book decides what to report and when. It reads no clock and does no I/O; its
// content must be durable.
type Book struct {
	Entries map[string]*Entry `json:"entries"`
	// Changed means that the entries differ from those saved.
	Changed bool `json:"-"`
	rules   Rules
}

// Adopt replaces the rules. Entries of credentials without a rule, or that no
// longer exist, are dropped.
func (b *Book) Adopt(rules Rules, exists func(credential string) bool) {
	b.rules = rules
	for name := range b.Entries {
		if _, ok := rules.of(name); !ok || !exists(name) {
			b.drop(name)
		}
	}
}

// CutOff closes the runs that a crash interrupted, which are not repeated, and
// returns their credentials.
func (b *Book) CutOff() []string {
	var names []string
	for name, e := range b.Entries {
		if e.Begun {
			names = append(names, name)
			b.finishEvent(name, e)
		}
	}
	slices.Sort(names)
	return names
}

// Observe records which causes exist now, by credential. For a credential without
// any, well reports whether it and the named sinks are known to be in order,
// which is not the case right after a start.
func (b *Book) Observe(now time.Time, causes map[string][]Cause, well func(name string, sinks []string) bool) {
	for name, list := range causes {
		rule, ok := b.rules.of(name)
		if !ok {
			continue
		}
		e := b.Entries[name]
		if e == nil {
			e = &Entry{Since: map[string]time.Time{}}
			b.put(name, e)
		}
		b.updateSince(e, list, now)
		b.startEvent(e, list, rule, now)
	}
	for name, e := range b.Entries {
		if len(causes[name]) == 0 && well(name, e.sinks()) {
			b.noCause(name, e, now)
		}
	}
}

// updateSince updates when each cause began. After the clock was set back, no cause
// may begin in the future.
func (b *Book) updateSince(e *Entry, list []Cause, now time.Time) {
	lasts := map[string]bool{}
	for _, c := range list {
		lasts[c.Sink] = true
		if at, ok := e.Since[c.Sink]; !ok || at.After(now) {
			e.Since[c.Sink] = now
			b.Changed = true
		}
	}
	for sink := range e.Since {
		if !lasts[sink] {
			delete(e.Since, sink)
			b.Changed = true
		}
	}
}

// startEvent starts the event with the first cause that has lasted long enough. It
// cancels a recovery that was not reported yet.
func (b *Book) startEvent(e *Entry, list []Cause, rule Rule, now time.Time) {
	if e.Phase == recovering && !e.Begun {
		e.Phase, e.Tries, b.Changed = reported, 0, true
	}
	if e.Phase != waiting {
		return
	}
	first := slices.MinFunc(list, func(a, b Cause) int {
		return cmp.Or(e.Since[a.Sink].Compare(e.Since[b.Sink]), strings.Compare(a.Sink, b.Sink))
	})
	since := e.Since[first.Sink]
	if at := since.Add(rule.After); !at.After(now) {
		e.Phase, e.Cause, e.CauseAt, e.At, b.Changed = failing, first, since, at, true
	}
}

// sinks returns the sinks that were a cause.
func (e *Entry) sinks() []string {
	seen := map[string]bool{e.Cause.Sink: true}
	for sink := range e.Since {
		seen[sink] = true
	}
	delete(seen, "")
	return slices.Sorted(maps.Keys(seen))
}

// noCause records that a credential no longer has a cause.
func (b *Book) noCause(name string, e *Entry, now time.Time) {
	if len(e.Since) > 0 {
		clear(e.Since)
		b.Changed = true
	}
	switch {
	case e.Begun: // its outcome decides
	case e.Phase == waiting, e.Phase == failing:
		b.drop(name) // nothing was reported
	case e.Phase == reported:
		e.Phase, e.At, e.Tries, b.Changed = recovering, now, 0, true
	}
}

// Next returns the time of the next change that only depends on time, or zero.
func (b *Book) Next() (next time.Time) {
	earlier := func(at time.Time) {
		if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	for name, e := range b.Entries {
		switch {
		case e.Begun:
		case e.Phase == waiting:
			rule, _ := b.rules.of(name)
			for _, at := range e.Since {
				earlier(at.Add(rule.After))
			}
		case e.Phase != reported:
			earlier(e.At.Add(gather))
		}
	}
	return next
}

// Batch is one run: the events with the same command that were due within one
// second, earliest cause first.
type Batch struct {
	Rule   Rule
	Events []Event
}

// Due starts the runs that are due. Each must be saved before it is made, and
// reported with End afterwards.
func (b *Book) Due(now time.Time) []Batch {
	groups := map[string][]string{}
	for name, e := range b.Entries {
		if !e.Begun && (e.Phase == failing || e.Phase == recovering) && !e.At.After(now) {
			rule, _ := b.rules.of(name)
			key := rule.Timeout.String() + "\x00" + strings.Join(rule.Command, "\x00")
			groups[key] = append(groups[key], name)
		}
	}
	var batches []Batch
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		names := groups[key]
		first := slices.MinFunc(names, func(x, y string) int { return b.Entries[x].At.Compare(b.Entries[y].At) })
		end := b.Entries[first].At.Add(gather)
		if end.After(now) {
			continue
		}
		names = slices.DeleteFunc(names, func(n string) bool { return b.Entries[n].At.After(end) })
		batches = append(batches, b.begin(names))
	}
	return batches
}

func (b *Book) begin(names []string) Batch {
	slices.SortFunc(names, func(x, y string) int {
		return cmp.Or(b.Entries[x].CauseAt.Compare(b.Entries[y].CauseAt), strings.Compare(x, y))
	})
	rule, _ := b.rules.of(names[0])
	batch := Batch{Rule: rule}
	for _, name := range names {
		e := b.Entries[name]
		e.Begun, b.Changed = true, true
		batch.Events = append(batch.Events, event(name, e))
	}
	return batch
}

func event(name string, e *Entry) Event {
	out := Event{Failed, name, e.Cause.Sink, e.Cause.State, e.Cause.Reason, e.Cause.Message}
	if e.Phase == recovering {
		out.Event, out.State = Recovered, "valid"
		if e.Cause.Sink != "" {
			out.State = "delivered"
		}
	}
	return out
}

// End records the outcome of a run.
func (b *Book) End(now time.Time, batch Batch, ok bool) {
	for _, ev := range batch.Events {
		e := b.Entries[ev.Credential]
		if e == nil || !e.Begun {
			continue // removed meanwhile
		}
		if ok {
			b.finishEvent(ev.Credential, e)
			continue
		}
		e.Begun, b.Changed = false, true
		e.At = now.Add(min(firstRetry<<min(e.Tries, 5), lastRetry) - gather)
		e.Tries++
	}
}

// finishEvent completes what a run reported.
func (b *Book) finishEvent(name string, e *Entry) {
	e.Begun, e.Tries, b.Changed = false, 0, true
	if e.Phase == failing {
		e.Phase = reported
		return
	}
	// The next cause starts another event.
	if e.Phase, e.Cause, e.CauseAt = waiting, (Cause{}), (time.Time{}); len(e.Since) == 0 {
		b.drop(name)
	}
}

func (b *Book) put(name string, e *Entry) {
	if b.Entries == nil {
		b.Entries = map[string]*Entry{}
	}
	b.Entries[name], b.Changed = e, true
}

func (b *Book) drop(name string) {
	delete(b.Entries, name)
	b.Changed = true
}
