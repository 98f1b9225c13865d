package store

import (
	"encoding/json"
	"time"
	"unicode/utf8"
	"unique"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// wireRecord is the stored form of a record: the members of all parts side by
// side. Members of a part that the record does not have are absent. A record's
// own JSON omits the token and the records of earlier identities.
type wireRecord struct {
	Past schedule.Past `json:"past,omitzero"`
	*schedule.Token
	*schedule.Delivery
	*schedule.HookRun
	Credential wireToken    `json:"token,omitzero"`
	Former     []wireRecord `json:"former,omitempty"`
}

// wireToken is a credential with its secrets in plain text; the store seals it
// afterwards.
type wireToken struct {
	Generation    uint64             `json:"generation,omitempty"`
	Values        map[string]string  `json:"values,omitempty"`
	ValuesBytes   map[string][]byte  `json:"values_bytes,omitempty"`
	Seed          map[string]string  `json:"seed,omitempty"`
	SeedBytes     map[string][]byte  `json:"seed_bytes,omitempty"`
	IssuedAt      time.Time          `json:"issued_at,omitzero"`
	ExpiresAt     time.Time          `json:"expires_at,omitzero"`
	PolicyExpiry  bool               `json:"policy_expiry,omitempty"`
	UnreadEnd     string             `json:"unread_end,omitempty"`
	CountedExpiry bool               `json:"counted_expiry,omitempty"`
	UsefulAfter   time.Time          `json:"useful_after,omitzero"`
	Limits        []credential.Limit `json:"limits,omitempty"`
}

// encodeRecord returns the stored form of a record, with its secrets in plain
// text.
func encodeRecord(r schedule.Record) ([]byte, error) { return json.Marshal(wireOf(r)) }

func wireOf(r schedule.Record) wireRecord {
	w := wireRecord{Past: r.Past}
	switch part := r.Unpacked().(type) {
	case schedule.Token:
		w.Token, w.Credential = &part, wireTokenOf(&part.Credential)
		for _, f := range part.Former {
			w.Former = append(w.Former, wireOf(f))
		}
	case schedule.Delivery:
		w.Delivery = &part
	case schedule.HookRun:
		w.HookRun = &part
	}
	return w
}

func wireTokenOf(t *credential.Credential) wireToken {
	w := wireToken{
		Generation: t.Generation, IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt,
		PolicyExpiry: t.PolicyExpiry, UnreadEnd: t.UnreadEnd, CountedExpiry: t.CountedExpiry, UsefulAfter: t.UsefulAfter, Limits: t.Limits,
	}
	w.Values, w.ValuesBytes = reveal(t.Values)
	w.Seed, w.SeedBytes = reveal(t.Seed)
	return w
}

// decodeRecord decodes the stored record of one kind of task. Unknown members are
// ignored, absent ones are zero.
func decodeRecord(kind schedule.Kind, plain []byte) (schedule.Record, error) {
	return new(wireRecord).decode(kind, plain)
}

// decode is decodeRecord with the memory of w.
func (w *wireRecord) decode(kind schedule.Kind, plain []byte) (schedule.Record, error) {
	*w = wireRecord{}
	if json.Unmarshal(plain, w) != nil {
		return schedule.Record{}, errNotReadable
	}
	return w.record(kind), nil
}

func (w *wireRecord) record(kind schedule.Kind) schedule.Record {
	r := schedule.Record{Past: w.Past}
	switch kind {
	case schedule.Obtaining:
		r.Part = w.token()
	case schedule.Delivering:
		d := orZero(w.Delivery)
		for i := range d.Issued {
			d.Issued[i].Name = shared(d.Issued[i].Name)
		}
		r.Part = d
	case schedule.Hooking:
		r.Part = orZero(w.HookRun)
	}
	return r
}

func (w *wireRecord) token() schedule.Token {
	part, t := orZero(w.Token), &w.Credential
	part.Credential = credential.Credential{
		Generation: t.Generation, Values: hide(t.Values, t.ValuesBytes), Seed: hide(t.Seed, t.SeedBytes), IssuedAt: t.IssuedAt,
		ExpiresAt: t.ExpiresAt, PolicyExpiry: t.PolicyExpiry, UnreadEnd: t.UnreadEnd, CountedExpiry: t.CountedExpiry, UsefulAfter: t.UsefulAfter, Limits: t.Limits,
	}
	for i := range w.Former {
		part.Former = append(part.Former, w.Former[i].record(schedule.Obtaining))
	}
	return part
}

func orZero[P any](part *P) (zero P) {
	if part == nil {
		return zero
	}
	return *part
}

func encodeProvider(r schedule.ProviderRecord) ([]byte, error) { return json.Marshal(r) }

func decodeProvider(plain []byte) (r schedule.ProviderRecord, err error) {
	if json.Unmarshal(plain, &r) != nil {
		return schedule.ProviderRecord{}, errNotReadable
	}
	return r, nil
}

// reveal returns the secrets in plain text. Those that are not valid UTF-8 are
// returned as bytes, because JSON would silently replace the invalid parts.
func reveal(secrets map[string]credential.Secret) (texts map[string]string, bytes map[string][]byte) {
	for name, s := range secrets {
		text := s.Reveal()
		if !utf8.ValidString(text) {
			if bytes == nil {
				bytes = map[string][]byte{}
			}
			bytes[name] = []byte(text)
			continue
		}
		if texts == nil {
			texts = make(map[string]string, len(secrets))
		}
		texts[name] = text
	}
	return texts, bytes
}

func hide(texts map[string]string, bytes map[string][]byte) map[string]credential.Secret {
	if len(texts)+len(bytes) == 0 {
		return nil
	}
	out := make(map[string]credential.Secret, len(texts)+len(bytes))
	for name, text := range texts {
		out[shared(name)] = credential.NewSecret(text)
	}
	for name, b := range bytes {
		out[shared(name)] = credential.NewSecret(string(b))
	}
	return out
}

// shared returns one copy of a text that most records have: the decoder makes one
// for each.
func shared(text string) string { return unique.Make(text).Value() }

// Encode returns the record of a credential with its secrets in plain text. The
// caller must seal it.
func Encode(r schedule.Record) ([]byte, error) { return encodeRecord(r) }

// Decode decodes what Encode returned.
func Decode(plain []byte) (schedule.Record, error) { return decodeRecord(schedule.Obtaining, plain) }
