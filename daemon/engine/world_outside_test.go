package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// errDead is what a killed daemon would see, if it saw anything.
var errDead = errors.New("killed")

// account is an identity at a backend, with its server's state.
type account struct {
	provider *providerNature
	luck     luck
	issued   int
	answers  int           // good ones
	values   string        // those handed out last, as "name#number"
	from     time.Duration // their life, by true time
	until    time.Duration
	older    map[string]time.Duration // still honoured, until then
	seeds    int
	seed     string          // the one that works
	spent    map[string]bool // those that work no more, and whether they were used up
	refuses  map[string]bool // inputs that are refused for good
	lied     bool            // what it said last of a life was wrong
}

// honours reports whether the server accepts these values now.
func (a *account) honours(values string, now time.Duration) bool {
	if values == "" {
		return false
	}
	if values == a.values {
		return now < a.until
	}
	until, ok := a.older[values]
	return ok && now < until
}

// issue returns new values.
func (a *account) issue(name string, life, now time.Duration) {
	if a.provider.revokes {
		clear(a.older)
	} else if a.values != "" {
		maps.DeleteFunc(a.older, func(_ string, until time.Duration) bool { return until <= now })
		a.older[a.values] = a.until
	}
	a.issued++
	a.values = name + "#" + strconv.Itoa(a.issued)
	a.from, a.until = now, now+life
}

// rotate spends the seed, or a login takes its place, and makes another one.
func (a *account) rotate(shown bool) {
	if !a.provider.spends {
		return
	}
	if a.seed != "" {
		a.spent[a.seed] = shown
	}
	a.seeds++
	a.seed = "seed#" + strconv.Itoa(a.seeds)
}

// source is the provider side of a backend.
type source struct {
	w *world
	n *credentialNature
	p *providerNature
}

// Revokes implements credential.Revoker.
func (s *source) Revokes() bool { return s.p.revokes }

// Spends implements credential.Spender.
func (s *source) Spends(previous credential.Credential) bool { return len(previous.Seed) > 0 }

// OneWay implements credential.OneWayer.
func (s *source) OneWay() (only bool, grace time.Duration) { return s.p.oneWay, 0 }

// shows reports whether a request sends its seed. Otherwise it logs in with the
// password or, without a password, a person has logged in.
func (s *source) shows(req credential.Request) bool {
	return len(req.Previous.Seed) > 0 && (s.p.oneWay || !req.Lost)
}

// failure is a failure at the backend.
func failure(reason credential.Reason, lost bool) *credential.Fault {
	return &credential.Fault{Reason: reason, Lost: lost}
}

// Refresh makes one call.
func (s *source) Refresh(_ context.Context, req credential.Request) (credential.Credential, error) {
	w, none := s.w, credential.Credential{}
	if w.step() {
		return none, errDead
	}
	a := w.account(s.n, s.p)
	half := a.luck.upTo(s.p.latency)/2 + time.Millisecond
	w.laws.called(s, req)
	if w.pass(half) {
		return none, errDead
	}
	trouble := w.trouble(atBackend, s.n.provider)
	effect, f := s.refused(a, trouble, req)
	life := s.p.life
	switch {
	case trouble == nil:
	case trouble.how == over, trouble.how == overNow:
		life = 0
	case trouble.how == brief:
		life = 3 * time.Second
	case trouble.how == repeating && a.values != "" && a.until > w.now:
		life = -1
	}
	if s.p.says == saysSame && a.values != "" && a.until-w.now > s.p.life/8 {
		life = -1 // the same again
	}
	if effect {
		if trouble != nil && trouble.how == panicking && trouble.span < time.Minute {
			panic("before it was understood")
		}
		if life >= 0 {
			a.issue(s.n.identity, life, w.now)
		}
		a.rotate(s.shows(req))
	}
	if w.step() {
		return none, errDead
	}
	wait := half
	if f != nil && (f.Reason == credential.ReasonTimeout) {
		wait = s.n.policy.Timeout - half
		if trouble.how == hanging {
			wait += trouble.span
		}
	}
	if w.pass(max(0, wait)) || w.step() {
		return none, errDead
	}
	if f != nil {
		if len(req.Previous.Seed) > 0 && (f.Lost || req.Lost) && !s.p.oneWay {
			f.SeedSpent = true // it logs in from here on
		}
		if trouble != nil && trouble.how == throttlingFor {
			f.RetryAfter = w.wall().Add(trouble.span)
		}
		w.say("answer: %s: %s", s.n.name, f.Reason)
		return none, f
	}
	if trouble != nil && trouble.how == panicking {
		panic("after it was understood")
	}
	a.answers++
	return s.answer(a, trouble, req), nil
}

// refused decides whether the call reaches the server, and how it fails.
func (s *source) refused(a *account, trouble *window, req credential.Request) (effect bool, f *credential.Fault) {
	w := s.w
	inputs := strconv.Itoa(s.n.inputs)
	if trouble != nil {
		switch trouble.how {
		case unreachable:
			return false, failure(credential.ReasonNetwork, false)
		case silent, hanging:
			return a.luck.n(2) == 0, failure(credential.ReasonTimeout, true)
		case broken:
			return false, failure(credential.ReasonServer, false)
		case throttling, throttlingFor:
			return false, failure(credential.ReasonThrottled, false)
		case rejecting:
			a.refuses[inputs] = true
		case forgetful:
			if seed := req.Previous.Seed["refresh"].Reveal(); a.seed != "" && seed == a.seed && s.shows(req) {
				a.spent[seed], a.seed = true, ""
				return false, &credential.Fault{Reason: credential.ReasonBadResponse, SeedSpent: true}
			}
		default: // the others change nothing here
		}
	}
	if a.refuses[inputs] {
		return false, failure(credential.ReasonRejected, false)
	}
	for name, input := range req.Inputs {
		values, n := input.Values["token"].Reveal(), w.nature.plan.credential(name)
		if n == nil {
			return false, failure(credential.ReasonInvalidRequest, false)
		}
		if of := w.account(n, w.providerOf(n)); !of.honours(values, w.now) {
			w.laws.refusedInput(s.n.name, values, of.answers)
			return false, &credential.Fault{Reason: credential.ReasonInvalidRequest, StaleInput: name}
		}
	}
	if seed := req.Previous.Seed["refresh"].Reveal(); s.shows(req) {
		if used, over := a.spent[seed]; over {
			if used {
				w.laws.shownSpent(s, seed, req)
			}
			if s.p.oneWay {
				a.until = min(a.until, w.now) // the whole family ends
				clear(a.older)
			}
			return false, &credential.Fault{Reason: credential.ReasonBadResponse, SeedSpent: true}
		}
	}
	if trouble != nil && trouble.how == lost {
		return true, failure(credential.ReasonNetwork, true)
	}
	return true, nil
}

// answer returns the answer to a call that took effect.
func (s *source) answer(a *account, trouble *window, req credential.Request) credential.Credential {
	c := credential.Credential{Values: map[string]credential.Secret{
		"token": credential.NewSecret(a.values), "check": credential.NewSecret("check of " + a.values),
	}}
	if a.seed != "" {
		c.Seed = map[string]credential.Secret{"refresh": credential.NewSecret(a.seed)}
	}
	left := a.until - s.w.now
	switch s.p.says {
	case saysLeft, saysSame:
		c.ExpiresAt, c.CountedExpiry = req.At.Add(left), true
	case saysInstant:
		c.ExpiresAt = origin.Add(a.until).Truncate(time.Second)
	case saysNothing:
	}
	if a.lied = trouble != nil && slices.Contains([]failing{brief, over, overNow, eternal, unsaid, repeating}, trouble.how); trouble == nil {
		return c
	}
	switch trouble.how {
	case emptied:
		c.Values["check"] = credential.Secret{}
	case over:
		c.ExpiresAt = req.At.Add(-time.Hour)
	case overNow:
		c.ExpiresAt = req.At
	case eternal:
		c.ExpiresAt = req.At.AddDate(100, 0, 0)
	case unsaid:
		c.ExpiresAt = time.Time{}
	default: // the others change nothing here
	}
	return c
}

// target is a place that shows credentials, and what its hook has seen of it.
type target struct {
	luck    luck
	shows   string            // the content
	changed int               // how often the content changed
	seen    int               // the change that the hook last acted on
	hooked  bool              // the hook was there at the last change
	at      time.Duration     // of the last change
	excused bool              // the change may be forgotten: it could not be saved
	order   map[string]uint64 // generations shown
}

// door is the daemon's side of a target.
type door struct {
	w    *world
	n    sinkNature
	slot int
}

// content returns what a target holds for a set.
func content(set credential.Set) string {
	var b strings.Builder
	for _, name := range set.Names() {
		c := set[name]
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(c.Values["token"].Reveal())
		b.WriteByte(',')
		b.WriteString(c.Values["check"].Reveal())
		b.WriteByte(',')
		b.WriteString(strconv.FormatUint(c.Generation, 10))
		b.WriteByte(',')
		b.WriteString(strconv.FormatInt(c.ExpiresAt.UnixNano(), 36))
		b.WriteByte('\n')
	}
	return b.String()
}

// Preflight implements credential.Preflighter.
func (d *door) Preflight(context.Context) error {
	if d.w.step() {
		return errDead
	}
	if t := d.w.trouble(atSink, d.slot); t != nil && (t.how == refusing || t.how == broken) {
		return failure(credential.ReasonInternal, false)
	}
	return nil
}

// Deliver implements credential.Sink.
func (d *door) Deliver(_ context.Context, set credential.Set) (bool, error) {
	w := d.w
	if w.step() {
		return false, errDead
	}
	t := w.target(d.n.name)
	if w.pass(t.luck.upTo(20 * time.Millisecond)) {
		return false, errDead
	}
	trouble := w.trouble(atSink, d.slot)
	if trouble != nil {
		switch trouble.how {
		case broken, refusing:
			return false, failure(credential.ReasonInternal, false)
		case hanging:
			if w.pass(trouble.to - w.now) {
				return false, errDead
			}
		case panicking:
			if t.luck.n(2) == 0 {
				panic("before the write")
			}
		default: // the others change nothing here
		}
	}
	text := content(set)
	changed := text != t.shows
	w.laws.shown(d, t, set, changed)
	if changed {
		t.shows = text
		t.changed++
		t.hooked, t.excused, t.at = d.n.hook, false, w.now
		if d.n.hook && w.disk.raised[d.n.name] {
			t.excused = true
		}
	}
	if trouble != nil && (trouble.how == panicking || trouble.how == lost) {
		panic("after the write")
	}
	if w.step() {
		return false, errDead
	}
	return changed, nil
}

// bell is a hook.
type bell struct {
	w    *world
	name string
	slot int
}

// Run implements credential.Hook.
func (b *bell) Run(context.Context, []string) error {
	w := b.w
	if w.step() {
		return errDead
	}
	t := w.target(b.name)
	at := t.changed
	if w.pass(t.luck.upTo(2 * time.Second)) {
		return errDead
	}
	if trouble := w.trouble(atHook, b.slot); trouble != nil {
		switch trouble.how {
		case panicking:
			panic("in a hook")
		case hanging:
			if w.pass(trouble.to - w.now) {
				return errDead
			}
		default:
			return failure(credential.ReasonTimeout, false)
		}
	}
	t.seen = max(t.seen, at)
	if w.step() {
		return errDead
	}
	return nil
}

// disk is the state that survives a crash.
type disk struct {
	records   map[schedule.Key]schedule.Record
	providers map[string]schedule.ProviderRecord
	raised    map[string]bool // sinks whose last record could not be saved
}

func (d *disk) memory() schedule.Memory {
	return schedule.Memory{Records: maps.Clone(d.records), Providers: maps.Clone(d.providers)}
}

// delay returns how long one write takes on a slow disk.
func (d *disk) delay(now, most time.Duration) time.Duration {
	l := luck(now)
	return l.upTo(most)
}

// errDisk is the error of a failing disk.
var errDisk = errors.New("no space left on device")

// drive is the daemon's side of the disk.
type drive struct{ w *world }

// write makes one write, or fails.
func (d drive) write(apply func()) error {
	w := d.w
	if w.step() {
		return errDead
	}
	trouble := w.trouble(atDisk, 0)
	if trouble != nil && trouble.how == slow && w.pass(w.disk.delay(w.now, trouble.span)) {
		return errDead
	}
	var err error
	if trouble != nil && trouble.how != slow {
		err = errDisk
	}
	if err == nil || trouble.how == torn {
		apply()
	}
	if w.step() {
		return errDead
	}
	return err
}

// Save implements records.
func (d drive) Save(_ context.Context, key schedule.Key, r schedule.Record) error {
	w := d.w
	err := d.write(func() {
		w.laws.saved(key, r)
		w.disk.records[key] = r
	})
	if err != errDead {
		w.laws.told(key, r)
		if key.Kind == schedule.Delivering {
			w.disk.raised[key.Name] = err != nil
		}
	}
	return err
}

// SaveProvider implements records.
func (d drive) SaveProvider(_ context.Context, name string, r schedule.ProviderRecord) error {
	return d.write(func() { d.w.disk.providers[name] = r })
}

// Delete implements records.
func (d drive) Delete(_ context.Context, key schedule.Key) error {
	return d.write(func() { delete(d.w.disk.records, key) })
}

// plan makes the engine's plan of the configuration.
func (w *world) plan() *plan.Plan {
	specs := &plan.Plan{}
	for i := range w.nature.providers {
		p := &w.nature.providers[i]
		specs.Providers = append(specs.Providers, plan.Provider{Name: p.name, Type: "world", Rates: p.rates, Concurrency: p.concurrency})
	}
	for i := range w.nature.plan.credentials {
		n := w.nature.plan.credentials[i]
		p := w.providerOf(&n)
		specs.Credentials = append(specs.Credentials, plan.Credential{
			Name: n.name, Provider: p.name, Type: "world", Policy: n.policy, Identity: n.identity, Inputs: strconv.Itoa(n.inputs),
			Needs: n.needs, Fields: []string{"token"}, Source: &source{w, &n, p},
		})
	}
	for _, n := range w.nature.plan.sinks {
		slot, _ := strconv.Atoi(n.name[1:])
		s := plan.Sink{Name: n.name, Type: "world", Path: "/" + n.name, Needs: slices.Clone(n.needs), Target: strconv.Itoa(n.target) + strings.Join(n.needs, " "), Sink: &door{w, n, slot}}
		if n.hook {
			s.Hook = &bell{w, n.name, slot}
		}
		specs.Sinks = append(specs.Sinks, s)
	}
	return specs
}

func (w *world) providerOf(n *credentialNature) *providerNature {
	return &w.nature.providers[n.provider]
}

// account returns the server's side of a credential.
func (w *world) account(n *credentialNature, p *providerNature) *account {
	key := p.name + "/" + n.identity
	a := w.accounts[key]
	if a == nil {
		a = &account{provider: p, luck: luckOf(w.nature.seed, key), older: map[string]time.Duration{}, spent: map[string]bool{}, refuses: map[string]bool{}}
		w.accounts[key] = a
	}
	return a
}

// target returns the outside of a sink.
func (w *world) target(name string) *target {
	t := w.targets[name]
	if t == nil {
		t = &target{luck: luckOf(w.nature.seed, name), order: map[string]uint64{}}
		w.targets[name] = t
	}
	return t
}

// trouble returns the current failure of a place, or nil.
func (w *world) trouble(where spot, of int) *window {
	for i := range w.nature.troubles {
		t := &w.nature.troubles[i]
		if t.where == where && (t.of == of || where == atDisk) && t.from <= w.now && w.now < t.to {
			return t
		}
	}
	return nil
}
