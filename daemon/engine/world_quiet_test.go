package engine

import (
	"strconv"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// quietSince returns the last instant at which something was wrong for a
// credential, up to the given one.
func (l *laws) quietSince(name string, at time.Duration) time.Duration {
	w := l.w
	from := max(l.quietFrom, min(l.setBack, at))
	c := w.nature.plan.credential(name)
	if c == nil {
		return at
	}
	p := w.providerOf(c)
	from = max(from, l.of(name).quietFrom)
	for _, t := range w.nature.troubles {
		if t.from > at {
			continue
		}
		concerns := t.where == atDisk || t.where == atBackend && t.of == c.provider || t.where == atSink && p.revokes
		if concerns {
			from = max(from, min(at, t.to+t.span))
		}
	}
	if l.of(name).lied {
		return at
	}
	if p.says == saysInstant && w.offset.Abs() > time.Second {
		return at // it speaks of another clock
	}
	for _, need := range c.needs {
		from = max(from, l.quietSince(need, at))
	}
	if from > at {
		from = at
	}
	return from
}

// recovery returns how long a full recovery may take.
func (l *laws) recovery(name string) time.Duration {
	w := l.w
	c := w.nature.plan.credential(name)
	if c == nil {
		return 0
	}
	p := w.providerOf(c)
	d := max(c.policy.MinInterval, 5*time.Minute) + 5*time.Minute + c.policy.Timeout + l.queue(p) + 3*time.Minute
	if p.says == saysSame {
		d += ahead(c.policy, p)/5 + c.policy.MinInterval // its next look
	}
	for _, need := range c.needs {
		d += l.recovery(need)
	}
	return d
}

// queue is how long a credential may wait for its turn at a provider.
func (l *laws) queue(p *providerNature) time.Duration {
	n := time.Duration(0)
	for _, c := range l.w.nature.plan.credentials {
		if l.w.providerOf(&c) == p {
			n++
		}
	}
	step := (p.latency + 2*time.Millisecond)
	for _, r := range p.rates {
		step = max(step, time.Duration(1.2*float64(r.Per)/float64(r.Calls)))
	}
	return n * step
}

// keepable reports whether the configuration allows renewal in time.
func (l *laws) keepable(name string) bool {
	w := l.w
	c := w.nature.plan.credential(name)
	if c == nil {
		return false
	}
	p := w.providerOf(c)
	if w.account(c, p).refuses[strconv.Itoa(c.inputs)] {
		return false
	}
	reserve := l.queue(p) + 10*time.Second
	margin := ahead(c.policy, p)
	if margin < reserve+c.policy.MinInterval {
		return false
	}
	if p.says == saysSame {
		step := max(c.policy.MinInterval, margin/5)
		if p.life/8 < step+c.policy.MinInterval+reserve {
			return false
		}
	}
	var load float64
	for i := range w.nature.plan.credentials {
		o := &w.nature.plan.credentials[i]
		if w.providerOf(o) != p {
			continue
		}
		wait := p.life - ahead(o.policy, p)
		perHour := float64(time.Hour) / float64(max(wait, time.Minute))
		if p.says == saysSame {
			perHour *= 8
		}
		load += perHour + 2
	}
	for _, r := range p.rates {
		if load > 0.4*float64(r.Calls)*float64(time.Hour)/float64(r.Per) {
			return false
		}
	}
	for _, need := range c.needs {
		if !l.keepable(need) {
			return false
		}
	}
	return true
}

// ahead returns how long before expiry to renew.
func ahead(p schedule.Policy, of *providerNature) time.Duration {
	switch {
	case of.says == saysNothing:
		return of.life - p.MaxAge
	case p.RenewBefore.Fixed > of.life-of.life/10:
		return of.life / 2
	}
	return p.RenewBefore.Of(of.life)
}

// inspect checks everything from time to time while nothing fails: all credentials
// must be in force and nothing owed.
func (l *laws) inspect() {
	w := l.w
	if w.now < l.inspectAt {
		return
	}
	l.inspectAt = w.now + 37*time.Minute
	if w.bootAt >= 0 {
		return
	}
	for i := range w.nature.plan.credentials {
		c := &w.nature.plan.credentials[i]
		if l.of(c.name).thread != nil || !l.keepable(c.name) || l.quietSince(c.name, w.now)+l.recovery(c.name) >= w.now {
			continue
		}
		token, _ := w.e.board.Token(c.name)
		if !w.account(c, w.providerOf(c)).honours(token.Values["token"].Reveal(), w.now) {
			l.breaks("%s is not in force, nothing was wrong since %s", c.name, l.quietSince(c.name, w.now))
		}
	}
	for _, s := range w.nature.plan.sinks {
		l.inspectSink(s)
	}
}

// inspectSink checks that everything was delivered and every hook has run.
func (l *laws) inspectSink(s sinkNature) {
	w := l.w
	set := map[string]bool{}
	tokens := w.e.prepare(&schedule.Start{Task: &schedule.Task{Key: hooking(s.name), Needs: s.needs}}).tokens
	for _, name := range s.needs {
		set[name] = true
		if c, _ := w.e.board.Look(w.wall(), obtaining(name)); c.Record.Token().Borrowed() {
			return // values of an earlier identity go to no sink that does not hold them
		}
		if !schedule.HasValue(tokens[name]) || l.of(name).thread != nil {
			return
		}
	}
	if w.now < max(w.nature.noisy, l.quietFrom)+5*time.Minute {
		return
	}
	key := schedule.Key{Kind: schedule.Delivering, Name: s.name}
	if w.e.running[key] != nil || w.e.running[hooking(s.name)] != nil {
		return
	}
	t := w.target(s.name)
	if got := content(tokens); got != t.shows && !t.excused {
		l.breaks("%s shows\n%sin place of\n%s", s.name, t.shows, got)
	}
	if s.hook && t.hooked && !t.excused && t.seen != t.changed {
		l.breaks("the hook of %s has not run since change %d, there were %d", s.name, t.seen, t.changed)
	}
}
