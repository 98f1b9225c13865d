package store

import (
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// wireRecord is a record as it is stored: a record's own JSON hides the token.
type wireRecord struct {
	schedule.Record
	Token wireToken `json:"token,omitzero"`
}

// wireToken is a credential with its secrets in clear; sealing comes after it.
type wireToken struct {
	Generation   uint64                `json:"generation,omitempty"`
	Values       map[string]wireSecret `json:"values,omitempty"`
	Seed         map[string]wireSecret `json:"seed,omitempty"`
	IssuedAt     time.Time             `json:"issued_at,omitzero"`
	ExpiresAt    time.Time             `json:"expires_at,omitzero"`
	PolicyExpiry bool                  `json:"policy_expiry,omitempty"`
	UsefulAfter  time.Time             `json:"useful_after,omitzero"`
	Limits       []credential.Limit    `json:"limits,omitempty"`
}

// wireSecret is a JSON string, or an object with the bytes when they are no
// UTF-8: JSON would replace them in silence.
type wireSecret string

type wireBytes struct {
	Base64 []byte `json:"base64"`
}

func (s wireSecret) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(s)) {
		return json.Marshal(string(s))
	}
	return json.Marshal(wireBytes{[]byte(s)})
}

func (s *wireSecret) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '{' {
		var b wireBytes
		err := json.Unmarshal(data, &b)
		*s = wireSecret(b.Base64)
		return err
	}
	return json.Unmarshal(data, (*string)(s))
}

// encodeRecord returns the record as it is stored, its secrets in clear.
func encodeRecord(r schedule.Record) ([]byte, error) {
	t := r.Token
	return json.Marshal(wireRecord{Record: r, Token: wireToken{
		Generation: t.Generation, Values: reveal(t.Values), Seed: reveal(t.Seed), IssuedAt: t.IssuedAt,
		ExpiresAt: t.ExpiresAt, PolicyExpiry: t.PolicyExpiry, UsefulAfter: t.UsefulAfter, Limits: t.Limits,
	}})
}

// decodeRecord is the reverse of encodeRecord. Members it does not know are
// ignored, absent ones are zero.
func decodeRecord(plain []byte) (schedule.Record, error) {
	var w wireRecord
	if json.Unmarshal(plain, &w) != nil {
		return schedule.Record{}, errNotReadable
	}
	r, t := w.Record, w.Token
	r.Token = credential.Credential{
		Generation: t.Generation, Values: hide(t.Values), Seed: hide(t.Seed), IssuedAt: t.IssuedAt,
		ExpiresAt: t.ExpiresAt, PolicyExpiry: t.PolicyExpiry, UsefulAfter: t.UsefulAfter, Limits: t.Limits,
	}
	return r, nil
}

func encodeProvider(r schedule.ProviderRecord) ([]byte, error) { return json.Marshal(r) }

func decodeProvider(plain []byte) (r schedule.ProviderRecord, err error) {
	if json.Unmarshal(plain, &r) != nil {
		return schedule.ProviderRecord{}, errNotReadable
	}
	return r, nil
}

func reveal(secrets map[string]credential.Secret) map[string]wireSecret {
	if len(secrets) == 0 {
		return nil
	}
	out := make(map[string]wireSecret, len(secrets))
	for name, s := range secrets {
		out[name] = wireSecret(s.Reveal())
	}
	return out
}

func hide(texts map[string]wireSecret) map[string]credential.Secret {
	if len(texts) == 0 {
		return nil
	}
	out := make(map[string]credential.Secret, len(texts))
	for name, text := range texts {
		out[name] = credential.NewSecret(string(text))
	}
	return out
}
