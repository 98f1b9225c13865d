package engine

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// origin is the start of true time in every world.
var origin = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// nature is the initial setup of a world, determined by its seed.
type nature struct {
	seed      uint64
	noisy     time.Duration // until then things go wrong
	end       time.Duration // the rest of the time is quiet
	offset    time.Duration // of the wall clock at the first start
	providers []providerNature
	plan      planNature
	events    []event  // by instant
	troubles  []window // what fails, and when
}

// providerNature is a backend and how the daemon talks to it.
type providerNature struct {
	name        string
	rates       []schedule.Rate
	concurrency int
	revokes     bool // an answer kills the values before it
	spends      bool // an answer brings a seed that works once
	oneWay      bool // and only a person's login begins again
	latency     time.Duration
	life        time.Duration // of what it hands out
	says        saying
}

// saying is how a backend states a lifetime.
type saying uint8

const (
	saysLeft    saying = iota // what is left of it, counted from the request
	saysInstant               // its end by the server's clock
	saysNothing
	saysSame // what is left, and hands out the same values until little is
)

// planNature is the configuration, which reloads change.
type planNature struct {
	credentials []credentialNature
	sinks       []sinkNature
}

type credentialNature struct {
	name     string
	provider int
	identity string
	inputs   int
	needs    []string
	policy   schedule.Policy
}

type sinkNature struct {
	name   string
	needs  []string
	hook   bool
	target int
}

// event is a single event.
type event struct {
	at   time.Duration
	what happening
	span time.Duration // how long a machine is off or suspended, how far a clock is set
	n    uint64        // chooses what it happens to
}

type happening uint8

const (
	reloaded happening = iota
	killed             // at that instant
	killedAt           // at one of the next steps
	suspended
	clockSet
	asked    // for a renewal, by hand
	repaired // the secrets that a backend refuses are changed
)

// window is a period in which something fails.
type window struct {
	from, to time.Duration
	where    spot
	of       int // which provider; which sink by its number
	how      failing
	span     time.Duration
}

type spot uint8

const (
	atBackend spot = iota
	atSink
	atHook
	atDisk
)

// failing is a kind of failure.
type failing uint8

const (
	unreachable   failing = iota // nothing arrives
	lost                         // it arrives, the answer does not
	silent                       // it may arrive, no answer comes in time
	hanging                      // as silent, and the call ignores its time-out
	broken                       // 5xx
	throttling                   // 429
	throttlingFor                // 429 with Retry-After
	emptied                      // an answer without a value
	over                         // an answer whose life is over
	overNow                      // whose life ends now
	brief                        // whose life is shorter than any margin
	eternal                      // whose life is a century
	unsaid                       // whose life is not told
	repeating                    // the same values again
	forgetful                    // the seed is no longer known
	rejecting                    // the secret is refused, until it changes
	panicking                    // a fault of ours
	refusing                     // sinks: the preflight says no
	torn                         // disk: durable, and reported as failed
	slow                         // disk: it takes its time
	kindsOfFailing
)

// luck is a stream of numbers of its own, so that what happens at one place
// changes nothing elsewhere.
type luck uint64

func (l *luck) next() uint64 {
	*l += 0x9e3779b97f4a7c15
	z := uint64(*l)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

func (l *luck) n(sides int) int { return int(l.next() % uint64(sides)) }

func (l *luck) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(l.next() % uint64(d))
}

// luckOf returns the stream of one place.
func luckOf(seed uint64, name string) luck {
	h := seed ^ 14695981039346656037
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return luck(h)
}

func oneOf[T any](rng *rand.Rand, of ...T) T { return of[rng.IntN(len(of))] }

const worldDay = 24 * time.Hour

// natureOf creates the nature of a world from a seed.
func natureOf(seed uint64) nature {
	rng := rand.New(rand.NewPCG(seed, 0x5eed))
	n := nature{seed: seed, noisy: oneOf(rng, 90*time.Minute, 2*time.Hour, 3*time.Hour, 3*time.Hour, 6*time.Hour, 48*time.Hour)}
	n.end = n.noisy + 150*time.Minute
	if rng.IntN(8) == 0 {
		n.offset = oneOf(rng, -56*365*worldDay, 2*worldDay, 20*time.Minute, -20*time.Minute)
	}
	// Long worlds have long lifetimes, so that all worlds cost about the same.
	pace := max(1, n.noisy/(5*time.Hour))
	for i := range 1 + rng.IntN(6) {
		p := makeProvider(rng, i, pace)
		if way := luckOf(seed, "way in of "+p.name); p.spends && way.n(2) == 0 {
			p.oneWay, p.revokes = true, false
		}
		n.providers = append(n.providers, p)
	}
	for range 1 + rng.IntN(1+rng.IntN(12)) {
		n.plan.addCredential(rng, n.providers)
	}
	for range 1 + rng.IntN(1+rng.IntN(10)) {
		n.plan.addSink(rng)
	}
	n.makeTroubles(rng)
	n.makeEvents(rng)
	return n
}

func makeProvider(rng *rand.Rand, i int, pace time.Duration) providerNature {
	p := providerNature{
		name: "p" + strconv.Itoa(i), concurrency: oneOf(rng, 1, 2, 8), revokes: rng.IntN(3) == 0, spends: rng.IntN(3) == 0,
		latency: oneOf(rng, 20*time.Millisecond, 500*time.Millisecond, 3*time.Second),
		life:    pace * oneOf(rng, 20*time.Minute, time.Hour, time.Hour, 2*time.Hour, 3*time.Hour, 6*time.Hour, 12*time.Hour),
		says:    oneOf(rng, saysLeft, saysLeft, saysInstant, saysNothing, saysSame),
	}
	rate := func(calls int, per time.Duration) schedule.Rate { return schedule.Rate{Calls: calls, Per: per} }
	p.rates = oneOf(rng, nil, nil, []schedule.Rate{rate(4, time.Second)}, []schedule.Rate{rate(20, time.Minute)},
		[]schedule.Rate{rate(4, time.Second), rate(240, time.Hour)}, []schedule.Rate{rate(6, time.Minute)})
	if p.says == saysSame {
		p.revokes = false
	}
	return p
}

// newName may return a name that was removed before.
func newName(rng *rand.Rand, prefix string, taken func(string) bool) string {
	for {
		if name := prefix + strconv.Itoa(rng.IntN(16)); !taken(name) {
			return name
		}
	}
}

func (p *planNature) credential(name string) *credentialNature {
	for i := range p.credentials {
		if p.credentials[i].name == name {
			return &p.credentials[i]
		}
	}
	return nil
}

func (p *planNature) addCredential(rng *rand.Rand, providers []providerNature) {
	c := credentialNature{
		name:     newName(rng, "c", func(s string) bool { return p.credential(s) != nil }),
		provider: rng.IntN(len(providers)), inputs: rng.IntN(1000),
	}
	c.identity = c.name + "/" + strconv.Itoa(rng.IntN(2))
	if len(p.credentials) > 0 && rng.IntN(5) == 0 {
		c.needs = []string{p.credentials[rng.IntN(len(p.credentials))].name}
	}
	c.policy = makePolicy(rng, providers[c.provider])
	p.credentials = append(p.credentials, c)
}

func makePolicy(rng *rand.Rand, provider providerNature) schedule.Policy {
	p := schedule.Policy{
		RenewBefore: oneOf(rng, schedule.Margin{Share: 0.25}, schedule.Margin{Share: 0.25}, schedule.Margin{Share: 0.5}, schedule.Margin{Fixed: 5 * time.Minute}, schedule.Margin{Fixed: 30 * time.Minute}),
		MaxAge:      max(20*time.Minute, provider.life/2),
		Jitter:      oneOf(rng, schedule.Margin{}, schedule.Margin{Share: 0.05}, schedule.Margin{Fixed: time.Minute}),
		MinInterval: oneOf(rng, 10*time.Second, 30*time.Second, 30*time.Second, 2*time.Minute),
		Timeout:     oneOf(rng, 10*time.Second, 30*time.Second),
	}
	if rng.IntN(12) == 0 {
		p.Schedule, _ = schedule.ParseCron(oneOf(rng, "*/30 * * * *", "15 4 * * *", "0 */2 * * *"), "UTC")
	}
	p.OwnRenewBefore = provider.says == saysNothing && rng.IntN(3) == 0
	return p
}

func (p *planNature) addSink(rng *rand.Rand) {
	if len(p.credentials) == 0 {
		return
	}
	taken := func(name string) bool {
		return slices.ContainsFunc(p.sinks, func(s sinkNature) bool { return s.name == name })
	}
	s := sinkNature{name: newName(rng, "s", taken), hook: rng.IntN(2) == 0}
	for range 1 + rng.IntN(3) {
		if name := p.credentials[rng.IntN(len(p.credentials))].name; !slices.Contains(s.needs, name) {
			s.needs = append(s.needs, name)
		}
	}
	slices.Sort(s.needs)
	p.sinks = append(p.sinks, s)
}

func (n *nature) makeTroubles(rng *rand.Rand) {
	for range rng.IntN(9) {
		w := window{from: time.Duration(rng.Int64N(int64(n.noisy))), where: oneOf(rng, atBackend, atBackend, atBackend, atBackend, atSink, atHook, atDisk)}
		w.to = min(n.noisy, w.from+oneOf(rng, 30*time.Second, 10*time.Minute, time.Hour, 4*time.Hour))
		switch w.where {
		case atBackend:
			w.of, w.how = rng.IntN(len(n.providers)), failing(rng.IntN(int(panicking)+1))
			w.span = oneOf(rng, 5*time.Second, 2*time.Minute, 20*time.Minute)
		case atSink:
			w.of, w.how = rng.IntN(16), oneOf(rng, broken, broken, refusing, refusing, panicking, lost, hanging)
		case atHook:
			w.of, w.how = rng.IntN(16), oneOf(rng, broken, panicking, hanging)
		case atDisk:
			w.how, w.span = oneOf(rng, broken, torn, slow), oneOf(rng, 50*time.Millisecond, 4*time.Second)
		}
		n.troubles = append(n.troubles, w)
		if w.where == atDisk && w.how != slow {
			// After a failure the disk is slow.
			n.troubles = append(n.troubles, window{from: w.to, to: w.to + 2*time.Minute, where: atDisk, how: slow, span: 4 * time.Second})
		}
		if w.how == rejecting && rng.IntN(3) > 0 {
			n.events = append(n.events, event{at: w.to, what: repaired, n: uint64(w.of)})
		}
	}
	slices.SortStableFunc(n.troubles, func(a, b window) int { return cmp.Compare(a.from, b.from) })
}

func (n *nature) makeEvents(rng *rand.Rand) {
	crashes := rng.IntN(3) == 0
	clocks := rng.IntN(4) == 0
	for range rng.IntN(10) {
		e := event{at: time.Duration(rng.Int64N(int64(n.noisy))), what: oneOf(rng, reloaded, reloaded, asked, killed, killedAt, killedAt, suspended, clockSet), n: rng.Uint64()}
		switch e.what {
		case killed, killedAt:
			if !crashes {
				e.what = killedAt
			}
			e.span = oneOf(rng, 0, 2*time.Second, 2*time.Second, time.Minute, 40*time.Minute)
			if e.what == killedAt && rng.IntN(3) == 0 {
				// It crashes again and again.
				for i := range 4 {
					n.events = append(n.events, event{at: e.at + time.Duration(i+1)*time.Minute, what: killedAt, n: rng.Uint64()})
				}
			}
		case suspended:
			e.span = oneOf(rng, 5*time.Minute, time.Hour, 8*time.Hour)
		case clockSet:
			if !clocks {
				continue
			}
			e.span = oneOf(rng, -500*time.Millisecond, -3*time.Second, -5*time.Minute, -time.Hour, 3*time.Second, 5*time.Minute, time.Hour)
		default: // the others change nothing here
		}
		n.events = append(n.events, e)
	}
	if n.offset != 0 {
		n.events = append(n.events, event{at: oneOf(rng, 2*time.Second, time.Minute, 20*time.Minute), what: clockSet, span: -n.offset})
	}
	for i := range n.events {
		n.events[i].at = min(n.events[i].at, n.noisy)
	}
	slices.SortStableFunc(n.events, func(a, b event) int { return cmp.Compare(a.at, b.at) })
}

// reload changes the configuration in one way and says in which.
func (p *planNature) reload(rng *rand.Rand, providers []providerNature) string {
	p.credentials, p.sinks = slices.Clone(p.credentials), slices.Clone(p.sinks)
	pick := func() *credentialNature { return &p.credentials[rng.IntN(len(p.credentials))] }
	switch n := rng.IntN(8); {
	case n == 0 && len(p.credentials) < 12 || len(p.credentials) == 0:
		p.addCredential(rng, providers)
		p.addSink(rng)
		return "added " + p.credentials[len(p.credentials)-1].name
	case n == 1 && len(p.credentials) > 1:
		gone := pick().name
		p.credentials = slices.DeleteFunc(p.credentials, func(c credentialNature) bool { return c.name == gone || slices.Contains(c.needs, gone) })
		p.sinks = slices.DeleteFunc(p.sinks, func(s sinkNature) bool {
			return slices.ContainsFunc(s.needs, func(need string) bool { return p.credential(need) == nil })
		})
		p.dropLoose()
		return "removed " + gone
	case n == 2:
		c := pick()
		c.policy = makePolicy(rng, providers[c.provider])
		return "timing of " + c.name
	case n == 3:
		c := pick()
		c.identity = c.name + "/" + strconv.Itoa(rng.IntN(3))
		return "identity of " + c.name
	case n == 4 && len(p.sinks) > 0:
		s := &p.sinks[rng.IntN(len(p.sinks))]
		s.target++
		return "target of " + s.name
	case n == 5 && len(p.sinks) > 0:
		i := rng.IntN(len(p.sinks))
		name := p.sinks[i].name
		p.sinks = slices.Delete(p.sinks, i, i+1)
		return "removed " + name
	case n == 6:
		p.addSink(rng)
		return "added a sink"
	}
	c := pick()
	c.inputs += 1000
	return "inputs of " + c.name
}

// dropLoose takes out what needs something that is gone.
func (p *planNature) dropLoose() {
	for {
		before := len(p.credentials)
		p.credentials = slices.DeleteFunc(p.credentials, func(c credentialNature) bool {
			return slices.ContainsFunc(c.needs, func(need string) bool { return p.credential(need) == nil })
		})
		p.sinks = slices.DeleteFunc(p.sinks, func(s sinkNature) bool {
			return slices.ContainsFunc(s.needs, func(need string) bool { return p.credential(need) == nil })
		})
		if len(p.credentials) == before {
			return
		}
	}
}
