package engine

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// laws checks a world against the promises, with its own model.
type laws struct {
	w          *world
	broken     string // the first law that was broken, and how
	ledgers    map[string]*ledger
	budgets    map[string]*budget
	heard      map[string]bool              // values whose save has ended, one way or the other
	inspectAt  time.Duration                // the next look at everything
	quietFrom  time.Duration                // when the last thing happened that concerns everybody
	setBack    time.Duration                // a clock that was set back shows the same again until then
	setBackAt  time.Duration                // when one was set back last
	comparing  bool                         // with another world
	calls      []call                       // then
	shownAgain int                          // spent seeds that were shown when a token was about to end
	shares     func(*credentialNature) bool // something with what differs
	touched    map[string]bool
}

// ledger is the expected state of one credential.
type ledger struct {
	name      string
	thread    *thread
	ever      bool
	arrivedAt time.Duration // of the last call
	slack     time.Duration // by how much its record may be early
	unheard   bool          // its end was not heard
	asked     bool
	parked    string        // inputs that were refused, and heard to be
	durable   bool          // and that is durable
	until     time.Duration // the server honours the values in hand until then
	values    string
	lied      bool           // about the life of the values in hand
	quietFrom time.Duration  // when something happened to it last
	reborn    bool           // it was removed, and came back
	stale     map[string]int // values of inputs that were refused, with the answers to the input until then
}

// budget is the expected state of one provider.
type budget struct {
	calls    []time.Duration
	older    bool      // the clock was set forward: to another life of the daemon they look older than they are
	cool     time.Time // nothing may start before, by the wall clock
	cooledAt time.Duration
}

func newLaws(w *world) *laws {
	return &laws{w: w, ledgers: map[string]*ledger{}, budgets: map[string]*budget{}, heard: map[string]bool{}, inspectAt: w.nature.noisy + 6*time.Minute}
}

// breaks records the first broken law.
func (l *laws) breaks(format string, args ...any) {
	if l.broken == "" {
		l.broken = fmt.Sprintf("%s: ", l.w.now) + fmt.Sprintf(format, args...)
	}
}

func (l *laws) of(name string) *ledger {
	g := l.ledgers[name]
	if g == nil {
		g = &ledger{name: name, quietFrom: l.w.now}
		l.ledgers[name] = g
	}
	return g
}

func (l *laws) budget(name string) *budget {
	b := l.budgets[name]
	if b == nil {
		b = &budget{}
		l.budgets[name] = b
	}
	return b
}

// installed updates the model after a configuration change.
func (l *laws) installed() {
	plan := &l.w.nature.plan
	if l.comparing {
		l.touches()
	}
	for name := range l.ledgers {
		if plan.credential(name) == nil {
			delete(l.ledgers, name)
		}
	}
	for i := range plan.credentials {
		c := &plan.credentials[i]
		fresh := l.ledgers[c.name] == nil
		g := l.of(c.name)
		if fresh {
			g.reborn = true
		}
		if g.parked != "" && g.parked != c.identity+"|"+strconv.Itoa(c.inputs) {
			g.parked = ""
		}
		g.quietFrom, g.stale = l.w.now, nil
	}
	for name := range l.w.targets {
		if l.w.bootAt >= 0 {
			break // nobody sees what goes and comes back meanwhile
		}
		if !slices.ContainsFunc(plan.sinks, func(s sinkNature) bool { return s.name == name }) {
			l.w.targets[name].order = map[string]uint64{}
			delete(l.w.targets, name) // its file stays, and what comes is another sink
		}
	}
}

// booted updates the model after a start of the daemon.
func (l *laws) booted() {
	l.disturbed(l.w.now)
	for name, b := range l.budgets {
		if b.cool.After(l.w.wall()) && l.w.disk.providers[name].CooldownUntil.Before(b.cool) {
			b.cool = l.w.disk.providers[name].CooldownUntil
		}
	}
	for name, g := range l.ledgers {
		g.thread, g.asked, g.stale = nil, false, nil
		if !g.durable {
			g.parked = ""
		}
		r := l.w.disk.records[schedule.Key{Kind: schedule.Obtaining, Name: name}]
		l.heard[r.Token().Values["token"].Reveal()] = true
		l.holds(g, r.Token().Credential)
	}
	for _, t := range l.w.targets {
		clear(t.order) // what could not be saved is not known any more
	}
}

func (l *laws) killed() {
	l.disturbed(l.w.bootAt)
	for _, b := range l.budgets {
		if n := len(b.calls); b.older || n > 0 && !l.diskFine(b.calls[n-1]) {
			b.calls, b.older = nil, false
		}
	}
	if l.setBackAt > 0 && (l.w.now < l.setBackAt+longestSleep || !l.diskFine(l.setBackAt)) {
		l.setBack = max(l.setBack, l.w.now+48*time.Hour) // it had no time to see that, or could not save what it saw
	}
	for _, t := range l.w.targets {
		if !l.diskFine(t.at) {
			t.excused = true // what could not be saved is forgotten
		}
	}
	for _, g := range l.ledgers {
		if !l.diskFine(g.arrivedAt) {
			g.ever = false // what could not be saved is forgotten
		}
	}
	for name, b := range l.budgets {
		r := l.w.disk.providers[name]
		if b.cool.After(l.w.wall()) && r.CooldownUntil.Before(b.cool) && l.w.now-b.cooledAt > 2*time.Second && l.diskFine(b.cooledAt) {
			l.breaks("the cool-down of %s until %s is not durable after %s", name, b.cool, l.w.now-b.cooledAt)
		}
	}
}

// diskFine reports whether the disk has worked since then.
func (l *laws) diskFine(since time.Duration) bool {
	for _, t := range l.w.nature.troubles {
		if t.where == atDisk && t.from <= l.w.now && t.to+time.Minute > since {
			return false
		}
	}
	return true
}

// disturbed records an event that affects all credentials.
func (l *laws) disturbed(until time.Duration) { l.quietFrom = max(l.quietFrom, until) }

func (l *laws) clockSet(by time.Duration) {
	l.disturbed(l.w.now)
	for _, b := range l.budgets {
		if by > 0 {
			b.older = true
		} else {
			b.cool = b.cool.Add(by)
		}
	}
	for _, g := range l.ledgers {
		g.ever = g.ever && by < 0
	}
	if l.setBack = max(l.setBack, l.w.now); by < 0 {
		l.setBack -= by
		l.setBackAt = l.w.now
		if l.w.bootAt >= 0 {
			l.setBack += 48 * time.Hour // nobody saw by how much
		}
	}
}

func (l *laws) asked(name string) {
	if g := l.of(name); g.thread == nil {
		g.asked = true
	}
}

// started checks the start of an attempt.
func (l *laws) started(t *thread) {
	w := l.w
	if t.key.Kind != schedule.Obtaining {
		return
	}
	c := w.nature.plan.credential(t.key.Name)
	p := w.providerOf(c)
	t.provider = p.name
	g := l.of(c.name)
	if g.thread != nil {
		l.breaks("%s starts twice", c.name)
	}
	g.thread = t
	if g.parked == c.identity+"|"+strconv.Itoa(c.inputs) && !g.asked {
		l.breaks("%s was refused and is tried again with the same secret", c.name)
	}
	g.asked = false
	b := l.budget(p.name)
	if b.cool.After(w.wall()) {
		l.breaks("%s calls %s at %s, which asked to be left alone until %s", c.name, p.name, w.wall(), b.cool)
	}
	running := 1
	for _, o := range w.threads {
		if o.work && o.provider == p.name && w.now-o.begun-(w.asleep-o.asleep) <= o.limit {
			running++
		}
	}
	if running > p.concurrency {
		l.breaks("%d calls of %s at once, allowed are %d", running, p.name, p.concurrency)
	}
}

// called checks a call at the backend.
func (l *laws) called(s *source, req credential.Request) {
	w, g := l.w, l.of(s.n.name)
	t := w.cur
	l.count(s.p)
	l.crowds(s.p, t)
	if b := l.budget(s.p.name); b.cool.After(w.wall()) {
		l.breaks("%s calls %s at %s, which asked to be left alone until %s", s.n.name, s.p.name, w.wall(), b.cool)
	}
	interval := s.n.policy.MinInterval
	if now := w.nature.plan.credential(s.n.name); now != nil {
		interval = min(interval, now.policy.MinInterval)
	}
	if g.ever {
		allowed := g.arrivedAt + interval
		if g.unheard {
			allowed -= g.slack
		}
		if w.now < allowed {
			l.breaks("%s is called %s after the call before, its minimum interval is %s", s.n.name, w.now-g.arrivedAt, interval)
		}
	}
	g.ever, g.arrivedAt, g.unheard, g.slack = true, w.now, true, w.now-t.begun
	if s.p.revokes && g.quietFrom <= t.begun {
		l.welcome(s.n.name, t.begun)
	}
	for _, need := range s.n.needs {
		if len(req.Inputs[need].Values) == 0 {
			l.breaks("%s is called without %s", s.n.name, need)
		}
		values := req.Inputs[need].Values["token"].Reveal()
		if n := w.nature.plan.credential(need); n != nil && values != "" {
			if answers, refused := g.stale[values]; refused && answers == w.account(n, w.providerOf(n)).answers {
				l.breaks("%s shows %s again, which was refused, and asked for no other", s.n.name, values)
			}
		}
	}
	if l.comparing {
		l.calls = append(l.calls, call{s.n.name, w.now})
	}
	w.say("call: %s to %s, seed %q, lost %v", s.n.name, s.p.name, req.Previous.Seed["refresh"].Reveal(), req.Lost)
}

// welcome wants every sink of a credential ready to take its next value, which
// kills the present one.
func (l *laws) welcome(name string, at time.Duration) {
	for _, sink := range l.w.nature.plan.sinks {
		slot, _ := strconv.Atoi(sink.name[1:])
		f := l.w.trouble(atSink, slot)
		if f != nil && f.from <= at && (f.how == refusing || f.how == broken) && slices.Contains(sink.needs, name) {
			l.breaks("%s is renewed while %s could not take the new value", name, sink.name)
		}
	}
}

// count checks the calls at a backend against its rates.
func (l *laws) count(p *providerNature) {
	b := l.budget(p.name)
	b.calls = append(b.calls, l.w.now)
	for _, r := range p.rates {
		if n := len(b.calls) - 1 - r.Calls; n >= 0 && l.w.now-b.calls[n] < r.Per {
			l.breaks("more than %d calls of %s within %s", r.Calls, p.name, r.Per)
		}
	}
	if len(b.calls) > 1000 {
		b.calls = slices.Clone(b.calls[500:])
	}
}

// crowds holds the calls that are under way at a backend at once to its
// concurrency. What hangs for long does not count.
func (l *laws) crowds(p *providerNature, t *thread) {
	w, running := l.w, 1
	t.calls, t.called = true, w.now-w.asleep
	for _, o := range w.threads {
		if o != t && o.calls && o.provider == p.name && w.now-w.asleep-o.called <= o.limit {
			running++
		}
	}
	if running > p.concurrency {
		l.breaks("%d calls arrive at %s at once, allowed are %d", running, p.name, p.concurrency)
	}
}

// refusedInput is told of an input that a backend does not honour.
func (l *laws) refusedInput(name, values string, answers int) {
	l.of(name).stale = map[string]int{values: answers}
}

// ends checks the end of an attempt before the engine processes it.
func (l *laws) ends(f finished) {
	key := f.start.Task.Key
	if key.Kind != schedule.Obtaining {
		return
	}
	g := l.ledgers[key.Name]
	if g == nil {
		return
	}
	g.thread = nil
	if !f.result.Called {
		return
	}
	g.unheard = false
	fault := f.result.Fault
	if fault == nil {
		return
	}
	b := l.budget(f.start.Task.Group)
	wall := f.result.End
	switch {
	case fault.RetryAfter.After(wall):
		if fault.RetryAfter.After(b.cool) {
			b.cool, b.cooledAt = fault.RetryAfter, l.w.now
		}
	case fault.Reason == credential.ReasonThrottled && !b.cool.After(wall):
		b.cool, b.cooledAt = wall.Add(15*time.Second), l.w.now
	}
	if fault.Reason == credential.ReasonRejected {
		if c := l.w.nature.plan.credential(key.Name); c != nil {
			if tag := f.start.Task.Identity + "|" + f.start.Task.Inputs; tag == c.identity+"|"+strconv.Itoa(c.inputs) {
				g.parked, g.durable = tag, f.saveError == nil
			}
		}
	}
}

// folded checks the state after the engine has processed it.
func (l *laws) folded(f finished) {
	key := f.start.Task.Key
	if key.Kind != schedule.Obtaining {
		return
	}
	g := l.ledgers[key.Name]
	if g == nil {
		return
	}
	c, _ := l.w.e.board.Token(key.Name)
	l.holds(g, c)
	if f.result.Fault != nil {
		g.quietFrom = max(g.quietFrom, l.w.now)
		if w := l.w; f.result.Fault.RetryAfter.After(f.result.End) {
			g.quietFrom = max(g.quietFrom, w.now+f.result.Fault.RetryAfter.Sub(f.result.End))
		}
	}
}

// passing checks the tokens that expire before an instant.
func (l *laws) passing(to time.Duration) {
	for _, g := range l.ledgers {
		if g.until > 0 && g.until <= to {
			at := g.until
			g.until = 0
			if quiet := l.quietSince(g.name, at); quiet+l.recovery(g.name) < at && l.keepable(g.name) {
				l.breaks("%s lapses at %s, nothing was wrong since %s", g.name, at, quiet)
			}
		}
	}
}
