package schedule

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rate is the maximum number of calls in any window of the given length.
type Rate struct {
	Calls int
	Per   time.Duration
}

// String returns the rate as it is written in the configuration.
func (r Rate) String() string {
	for unit, per := range rateUnits {
		if per == r.Per {
			return strconv.Itoa(r.Calls) + "/" + unit
		}
	}
	return strconv.Itoa(r.Calls) + "/" + r.Per.String()
}

var rateUnits = map[string]time.Duration{"s": time.Second, "min": time.Minute, "h": time.Hour}

// ParseRates parses one or more rates, all of which apply: "4/s" or
// "4/s, 240/min, 2400/h". Empty text means no limit.
func ParseRates(text string) ([]Rate, error) {
	var rates []Rate
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	for one := range strings.SplitSeq(text, ",") {
		calls, unit, ok := strings.Cut(strings.TrimSpace(one), "/")
		n, err := strconv.Atoi(strings.TrimSpace(calls))
		per, known := rateUnits[strings.TrimSpace(unit)]
		if !ok || err != nil || n < 1 || n > 1_000_000 || !known {
			return nil, fmt.Errorf(`%q is not a valid rate (expected e.g. "4/s", "240/min" or "2400/h"; several are separated by commas)`, strings.TrimSpace(one))
		}
		rates = append(rates, Rate{n, per})
	}
	return rates, nil
}

// bucket enforces a Rate with the generic cell rate algorithm. No window ever sees
// more than Calls; a plain token bucket would allow a burst and a full refill
// within one window.
type bucket struct {
	per   time.Duration // length of the window
	step  time.Duration // average interval between calls
	slack time.Duration // how far ahead of the average a burst may get
	next  time.Time     // theoretical instant of the next call
}

// Slack and step in thousandths. A call that is late by up to the slack does not
// delay the next one, so that a busy machine still uses more than 95 % of the
// rate. The step is longer to make up for the slack and for calls that get closer
// together on the network.
const (
	slackPart = 30
	stepPart  = 1045
)

func newBucket(r Rate) bucket {
	// Round up: with a million calls per window, a step too short by a fraction of
	// a nanosecond would exceed the rate.
	step := time.Duration(math.Ceil(float64(r.Per) * stepPart / 1000 / float64(r.Calls)))
	return bucket{per: r.Per, step: step, slack: r.Per * slackPart / 1000}
}

// allowedAt returns the earliest instant, not before now, at which a call fits.
func (b *bucket) allowedAt(now time.Time) time.Time {
	if at := b.next.Add(-b.slack); at.After(now) {
		return at
	}
	return now
}

// take counts one call at now.
func (b *bucket) take(now time.Time) {
	if b.next.Before(now) {
		b.next = now
	}
	b.next = b.next.Add(b.step)
}

// Pacer assigns instants for calls within several rates.
type Pacer struct{ buckets []bucket }

// NewPacer returns a pacer without earlier calls.
func NewPacer(rates []Rate) *Pacer {
	p := &Pacer{}
	for _, r := range rates {
		p.buckets = append(p.buckets, newBucket(r))
	}
	return p
}

// Next returns the earliest instant, not before now, for a call after the given
// number of others.
func (p *Pacer) Next(now time.Time, others int) time.Time {
	then := Pacer{slices.Clone(p.buckets)}
	for range others {
		then.Take(now)
	}
	return then.Take(now)
}

// Take counts a call at the earliest instant, not before now, and returns that
// instant.
func (p *Pacer) Take(now time.Time) time.Time {
	at := now
	for i := range p.buckets {
		at = p.buckets[i].allowedAt(at)
	}
	for i := range p.buckets {
		p.buckets[i].take(at)
	}
	return at
}

// replay counts earlier calls, oldest first. Calls outside the window are ignored,
// and all others leave it after its own length, even if they were made under a
// faster rate. Before each hidden instant there may have been calls that are not
// recorded: if one is in the window, the burst counts as used up.
func (b *bucket) replay(calls, hidden []time.Time, now time.Time) {
	within := func(at time.Time) bool { return now.Sub(at) < b.per }
	for _, at := range calls {
		if within(at) {
			b.take(at)
		}
	}
	if len(calls) > 0 && slices.ContainsFunc(hidden, within) {
		if spent := calls[len(calls)-1].Add(b.step + b.slack); spent.After(b.next) {
			b.next = spent
		}
	}
	if last := now.Add(b.per + b.slack); b.next.After(last) {
		b.next = last
	}
}
