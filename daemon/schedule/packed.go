package schedule

import (
	"maps"
	"time"

	"github.com/vigented/vigente/credential"
)

// Packed is a record in about half the memory, as the board keeps it for every task. It
// never changes.
type Packed struct {
	attemptAt, plannedAt Instant
	history              History
	troubles             *troubles // nil if all its fields are zero
	part                 Part      // a *packedToken, a *packedDelivery, a Delivery or a HookRun
}

// troubles are the fields of Past that are zero after a success.
type troubles struct {
	open, asked, pauseAlone, parked, clientRefused bool
	unknown, failures                              int32
	failingSince, retryAt, pauseUntil, pausedUntil Instant
	last                                           *Note
}

// Pack packs a record.
func Pack(r Record) *Packed {
	p := &Packed{attemptAt: InstantOf(r.Past.AttemptAt), plannedAt: InstantOf(r.Past.PlannedAt), history: r.Past.History, part: r.Part}
	if t := troublesOf(&r.Past); t != (troubles{}) {
		p.troubles = &t
	}
	switch part := r.Part.(type) {
	case Token:
		p.part = packToken(&part)
	case Delivery:
		p.part = packDelivery(&part)
	}
	return p
}

func troublesOf(p *Past) troubles {
	return troubles{
		open: p.Open, asked: p.Asked, pauseAlone: p.PauseAlone, parked: p.Parked, clientRefused: p.ClientRefused,
		unknown: p.Unknown, failures: p.Failures, failingSince: InstantOf(p.FailingSince), retryAt: InstantOf(p.RetryAt),
		pauseUntil: InstantOf(p.PauseUntil), pausedUntil: InstantOf(p.PausedUntil), last: p.Last,
	}
}

// Record returns the record.
func (p *Packed) Record() Record { return Record{p.Past(), p.part} }

// Past returns the record's past.
func (p *Packed) Past() Past {
	out := Past{AttemptAt: p.attemptAt.Time(), PlannedAt: p.plannedAt.Time(), History: p.history}
	if t := p.troubles; t != nil {
		out.Open, out.Asked, out.PauseAlone, out.Parked, out.ClientRefused = t.open, t.asked, t.pauseAlone, t.parked, t.clientRefused
		out.Unknown, out.Failures, out.FailingSince, out.RetryAt = t.unknown, t.failures, t.failingSince.Time(), t.retryAt.Time()
		out.PauseUntil, out.PausedUntil, out.Last = t.pauseUntil.Time(), t.pausedUntil.Time(), t.last
	}
	return out
}

// Failures returns the number of failed attempts since the last success.
func (p *Packed) Failures() int32 {
	if p.troubles == nil {
		return 0
	}
	return p.troubles.failures
}

// LastNote returns Past.Last.
func (p *Packed) LastNote() *Note {
	if p.troubles == nil {
		return nil
	}
	return p.troubles.last
}

// Token is Record.Token.
func (p *Packed) Token() Token { return Record{Part: p.part}.Token() }

// Outline is Record.Outline.
func (p *Packed) Outline() Token { return Record{Part: p.part}.Outline() }

// Delivery is Record.Delivery.
func (p *Packed) Delivery() Delivery { return Record{Part: p.part}.Delivery() }

// Holds returns the mark of a credential that a sink holds, and false if it holds none
// of it. Unlike Delivery it allocates nothing.
func (p *Packed) Holds(name string) (Mark, bool) {
	d, packed := p.part.(*packedDelivery)
	switch {
	case !packed:
		marks := p.Delivery().Delivered
		return marks.Of(name), marks.Has(name)
	case d.delivered.Name == name:
		return d.delivered.Mark, true
	}
	return Mark{}, false
}

// target returns Delivery.Target, and changes Delivery.Changes.
func (p *Packed) target() string {
	if d, packed := p.part.(*packedDelivery); packed {
		return d.target
	}
	return p.Delivery().Target
}

func (p *Packed) changes() uint64 {
	if d, packed := p.part.(*packedDelivery); packed {
		return d.changes
	}
	return p.Delivery().Changes
}

// Ran is Record.Ran.
func (p *Packed) Ran() uint64 { return Record{Part: p.part}.Ran() }

// LastError is Record.LastError.
func (p *Packed) LastError() *Note {
	r := p.Record()
	return r.LastError()
}

// Instant is a time.Time in half its size, without its location. The zero value is the
// zero time.
type Instant struct{ high, low, nano uint32 }

// InstantOf returns t as an Instant.
func InstantOf(t time.Time) Instant {
	second, nano := pack(t)
	return Instant{uint32(uint64(second) >> 32), uint32(uint64(second)), uint32(nano)} //nolint:gosec // put together again below
}

// Time returns the instant in UTC.
func (i Instant) Time() time.Time {
	return unpack(int64(uint64(i.high)<<32|uint64(i.low)), int32(i.nano)) //nolint:gosec // as above
}

// packedToken is a Token in less memory.
type packedToken struct {
	generation, revision            uint64
	values                          packedValues
	identity, inputs                string
	issuedAt, expiresAt, obtainedAt Instant
	policyExpiry, countedExpiry     bool
	unchanged                       int
	rare                            *rareToken // nil if all its fields are zero
}

// rareToken has the fields of a Token that most kinds of provider do not set.
type rareToken struct {
	seed        map[string]credential.Secret
	unreadEnd   string
	tokenOf     string
	limits      []credential.Limit
	former      []Record
	usefulAfter Instant
	leftAt      Instant
}

func (*packedToken) part() {}

func packToken(t *Token) *packedToken {
	if maps.EqualFunc(t.Values, unread, credential.Secret.Equal) {
		panic("schedule: an outline is no token")
	}
	p := &packedToken{
		generation: t.Generation, revision: t.Revision, values: packValues(t.Values), identity: t.Identity, inputs: t.Inputs,
		issuedAt: InstantOf(t.IssuedAt), expiresAt: InstantOf(t.ExpiresAt), obtainedAt: InstantOf(t.ObtainedAt),
		unchanged: t.Unchanged, policyExpiry: t.PolicyExpiry, countedExpiry: t.CountedExpiry,
	}
	if len(t.Seed)+len(t.Limits)+len(t.Former) > 0 || t.UnreadEnd != "" || t.TokenOf != "" || !t.UsefulAfter.IsZero() || !t.LeftAt.IsZero() {
		p.rare = &rareToken{t.Seed, t.UnreadEnd, t.TokenOf, t.Limits, t.Former, InstantOf(t.UsefulAfter), InstantOf(t.LeftAt)}
	}
	return p
}

func (p *packedToken) token() Token {
	t := p.outline()
	t.Values = p.values.values()
	return t
}

// outline is Record.Outline.
func (p *packedToken) outline() Token {
	t := Token{
		Credential: credential.Credential{
			Generation: p.generation, IssuedAt: p.issuedAt.Time(), ExpiresAt: p.expiresAt.Time(),
			PolicyExpiry: p.policyExpiry, CountedExpiry: p.countedExpiry,
		},
		Revision: p.revision, ObtainedAt: p.obtainedAt.Time(), Unchanged: p.unchanged, Identity: p.identity, Inputs: p.inputs,
	}
	if r := p.rare; r != nil {
		t.Seed, t.UnreadEnd, t.TokenOf, t.Limits, t.Former = r.seed, r.unreadEnd, r.tokenOf, r.limits, r.former
		t.UsefulAfter, t.LeftAt = r.usefulAfter.Time(), r.leftAt.Time()
	}
	if p.values != (packedValues{}) {
		t.Values = unread
	}
	return t
}

// packedDelivery is a Delivery in less memory, of a sink that shows at most one
// credential and value, as most do.
type packedDelivery struct {
	changes     uint64
	target      string
	delivered   CredentialMark // none if it has no name
	issued      IssuedValues   // none if it has no name
	deliveredAt Instant
}

func (*packedDelivery) part() {}

func packDelivery(d *Delivery) Part {
	if len(d.Delivered) > 1 || len(d.Issued) > 1 {
		return *d
	}
	p := &packedDelivery{changes: d.Changes, target: d.Target, deliveredAt: InstantOf(d.DeliveredAt)}
	if len(d.Delivered) == 1 {
		p.delivered = d.Delivered[0]
	}
	if len(d.Issued) == 1 {
		p.issued = d.Issued[0]
	}
	return p
}

func (p *packedDelivery) delivery() Delivery {
	d := Delivery{Changes: p.changes, Target: p.target, DeliveredAt: p.deliveredAt.Time()}
	if p.delivered.Name != "" {
		d.Delivered = Marks{p.delivered}
	}
	if p.issued.Name != "" {
		d.Issued = Issued{p.issued}
	}
	return d
}
