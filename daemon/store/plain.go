package store

import (
	"bytes"
	"strconv"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// plainDecoder decodes records as encodeRecord writes them, in a fraction of the memory
// and of the time that encoding/json takes: a start decodes all of them. It knows
// the usual members and plain texts only. Whatever else it meets, it gives up, and
// encoding/json decodes the record.
type plainDecoder struct {
	wire     wireRecord // for encoding/json
	text     []byte
	at       int
	strange  bool // it has met something that it does not know
	past     schedule.Past
	token    schedule.Token
	delivery schedule.Delivery
	hook     schedule.HookRun
	held     wireToken
	values   map[string]string
	seed     map[string]string
	names    map[string]string
	attempts []schedule.Attempt
}

// decode decodes the stored record of one kind of task, as decodeRecord does.
func (d *plainDecoder) decode(kind schedule.Kind, plain []byte) (schedule.Record, error) {
	w, ok := d.plain(plain)
	if !ok {
		return d.wire.decode(kind, plain)
	}
	return w.record(kind), nil
}

// plain returns the members of a record, until the next call.
func (d *plainDecoder) plain(text []byte) (w wireRecord, ok bool) {
	if d.values == nil {
		d.values, d.seed, d.names = map[string]string{}, map[string]string{}, map[string]string{}
	}
	d.text, d.at, d.strange = text, 0, false
	d.past, d.token, d.delivery, d.hook, d.held = schedule.Past{}, schedule.Token{}, schedule.Delivery{}, schedule.HookRun{}, wireToken{}
	d.object(d.member)
	if d.strange || d.at != len(text) {
		return w, false
	}
	return wireRecord{Past: d.past, Token: &d.token, Delivery: &d.delivery, HookRun: &d.hook, Credential: d.held}, true
}

// member reads one member of a record.
func (d *plainDecoder) member(key []byte) {
	switch string(key) {
	case "past":
		d.object(d.pastMember)
	case "token":
		d.object(d.heldMember)
	case "revision":
		d.token.Revision = d.number()
	case "obtained_at":
		d.token.ObtainedAt = d.time()
	case "identity":
		d.token.Identity = d.string()
	case "inputs":
		d.token.Inputs = d.string()
	case "delivered":
		d.delivery.Delivered = schedule.Marks{}
		d.object(d.mark)
	case "delivered_at":
		d.delivery.DeliveredAt = d.time()
	case "target":
		d.delivery.Target = d.string()
	case "issued":
		d.delivery.Issued = schedule.Issued{}
		d.object(d.issued)
	case "changes":
		d.delivery.Changes = d.number()
	case "ran":
		d.hook.Ran = d.number()
	default:
		d.strange = true
	}
}

func (d *plainDecoder) pastMember(key []byte) {
	switch string(key) {
	case "attempt_at":
		d.past.AttemptAt = d.time()
	case "planned_at":
		d.past.PlannedAt = d.time()
	case "history":
		d.attempts = d.attempts[:0]
		d.list(func() {
			d.attempts = append(d.attempts, schedule.Attempt{})
			d.object(d.attempt)
		})
		d.past.History = schedule.HistoryOf(d.attempts...)
	default:
		d.strange = true
	}
}

func (d *plainDecoder) attempt(key []byte) {
	a := &d.attempts[len(d.attempts)-1]
	switch string(key) {
	case "at":
		a.At = d.time()
	case "took":
		a.Took = time.Duration(d.number()) //nolint:gosec // number allows for 18 digits
	case "outcome":
		a.Outcome = schedule.Outcome(d.name(d.quoted()))
	default:
		d.strange = true
	}
}

func (d *plainDecoder) heldMember(key []byte) {
	switch string(key) {
	case "generation":
		d.held.Generation = d.number()
	case "values":
		d.strange = d.strange || d.held.Values != nil // encoding/json would keep both
		d.held.Values = d.texts(d.values)
	case "seed":
		d.strange = d.strange || d.held.Seed != nil
		d.held.Seed = d.texts(d.seed)
	case "issued_at":
		d.held.IssuedAt = d.time()
	case "expires_at":
		d.held.ExpiresAt = d.time()
	case "policy_expiry":
		d.held.PolicyExpiry = d.bool()
	case "counted_expiry":
		d.held.CountedExpiry = d.bool()
	default:
		d.strange = true
	}
}

// texts reads an object of texts into a map that is used again.
func (d *plainDecoder) texts(into map[string]string) map[string]string {
	clear(into)
	d.object(func(key []byte) { into[d.name(key)] = d.string() })
	return into
}

// mark reads one of the marks of a delivery. They are written in order.
func (d *plainDecoder) mark(name []byte) {
	marks := &d.delivery.Delivered
	m := schedule.CredentialMark{Name: string(name)}
	d.strange = d.strange || len(*marks) > 0 && (*marks)[len(*marks)-1].Name >= m.Name
	d.object(func(key []byte) {
		switch string(key) {
		case "generation":
			m.Generation = d.number()
		case "revision":
			m.Revision = d.number()
		default:
			d.strange = true
		}
	})
	*marks = append(*marks, m)
}

func (d *plainDecoder) issued(name []byte) {
	all := &d.delivery.Issued
	v := schedule.IssuedValues{Name: d.name(name)}
	d.strange = d.strange || len(*all) > 0 && (*all)[len(*all)-1].Name >= v.Name
	d.list(func() { v.Digests = append(v.Digests, d.string()) })
	d.strange = d.strange || v.Digests == nil
	*all = append(*all, v)
}

// object calls member for each key of an object. member reads the value.
func (d *plainDecoder) object(member func(key []byte)) {
	d.sequence('{', '}', func() {
		key := d.quoted()
		if d.take(':') {
			member(key)
		}
	})
}

// list calls element for each element of a list. element reads it.
func (d *plainDecoder) list(element func()) { d.sequence('[', ']', element) }

// sequence calls element for each element between two brackets. element reads it.
func (d *plainDecoder) sequence(begin, end byte, element func()) {
	if !d.take(begin) {
		return
	}
	for first := true; !d.strange; first = false {
		if first && d.next() == end || !first && d.next() != ',' {
			break
		}
		if !first {
			d.at++
		}
		element()
	}
	d.take(end)
}

// next returns the next byte, or zero at the end.
func (d *plainDecoder) next() byte {
	if d.at >= len(d.text) {
		return 0
	}
	return d.text[d.at]
}

// take skips a byte that must follow.
func (d *plainDecoder) take(b byte) bool {
	if d.strange = d.strange || d.next() != b; d.strange {
		return false
	}
	d.at++
	return true
}

// quoted returns a plain text of ASCII without escapes.
func (d *plainDecoder) quoted() []byte {
	if !d.take('"') {
		return nil
	}
	begun := d.at
	for ; d.at < len(d.text); d.at++ {
		switch b := d.text[d.at]; {
		case b == '"':
			d.at++
			return d.text[begun : d.at-1]
		case b < ' ' || b >= 0x80 || b == '\\':
			d.strange = true
			return nil
		}
	}
	d.strange = true
	return nil
}

func (d *plainDecoder) string() string { return string(d.quoted()) }

// mostNames is how many names a decoder knows; there are a few for each kind.
const mostNames = 100

// name returns one copy of a name that many records have.
func (d *plainDecoder) name(text []byte) string {
	if known, ok := d.names[string(text)]; ok {
		return known
	}
	name := shared(string(text))
	if len(d.names) < mostNames {
		d.names[name] = name
	}
	return name
}

func (d *plainDecoder) time() (t time.Time) {
	begun := d.at
	if d.quoted(); !d.strange && t.UnmarshalJSON(d.text[begun:d.at]) != nil {
		d.strange = true
	}
	return t
}

func (d *plainDecoder) bool() bool {
	rest := d.text[d.at:]
	is := bytes.HasPrefix(rest, []byte("true"))
	switch {
	case is:
		d.at += len("true")
	case bytes.HasPrefix(rest, []byte("false")):
		d.at += len("false")
	default:
		d.strange = true
	}
	return is
}

// number reads a number of at most 18 digits, which fits into any of our integers of 64
// bits.
func (d *plainDecoder) number() uint64 {
	begun := d.at
	for d.next() >= '0' && d.next() <= '9' {
		d.at++
	}
	digits := d.text[begun:d.at]
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(digits) > 1 {
		d.strange = true
		return 0
	}
	n, _ := strconv.ParseUint(string(digits), 10, 64)
	return n
}
