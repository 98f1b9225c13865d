package store

import (
	"encoding/json"
	"time"

	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// Buckets by schedule.Kind, and the others.
var buckets = [...]string{schedule.Obtaining: "credentials", schedule.Delivering: "sinks", schedule.Hooking: "hooks"}

const (
	providerBucket = "providers"
	metaBucket     = "meta"
)

func allBuckets() []string {
	return append(buckets[:len(buckets):len(buckets)], providerBucket, metaBucket)
}

// wireRecord is a record as it is stored: a record's own JSON hides the token.
type wireRecord struct {
	schedule.Record
	Token *wireToken `json:"token,omitempty"`
}

// wireToken is a credential with its secrets in clear; sealing is the store's.
type wireToken struct {
	Generation   uint64             `json:"generation,omitempty"`
	Values       map[string]string  `json:"values,omitempty"`
	Seed         map[string]string  `json:"seed,omitempty"`
	IssuedAt     time.Time          `json:"issued_at,omitzero"`
	ExpiresAt    time.Time          `json:"expires_at,omitzero"`
	PolicyExpiry bool               `json:"policy_expiry,omitempty"`
	UsefulAfter  time.Time          `json:"useful_after,omitzero"`
	Limits       []credential.Limit `json:"limits,omitempty"`
}

// EncodeRecord returns the record as it is stored, its secrets in clear.
func EncodeRecord(r schedule.Record) ([]byte, error) {
	w := wireRecord{Record: r}
	if t := r.Token; t.Generation > 0 || len(t.Values) > 0 || len(t.Seed) > 0 {
		w.Token = &wireToken{
			Generation: t.Generation, Values: reveal(t.Values), Seed: reveal(t.Seed),
			IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt, PolicyExpiry: t.PolicyExpiry, UsefulAfter: t.UsefulAfter, Limits: t.Limits,
		}
	}
	return json.Marshal(w)
}

// DecodeRecord is the reverse of EncodeRecord. Members it does not know are
// ignored, absent ones are zero.
func DecodeRecord(plain []byte) (schedule.Record, error) {
	var w wireRecord
	if err := json.Unmarshal(plain, &w); err != nil {
		return schedule.Record{}, errNotReadable
	}
	r := w.Record
	if t := w.Token; t != nil {
		r.Token = credential.Credential{
			Generation: t.Generation, Values: hide(t.Values), Seed: hide(t.Seed),
			IssuedAt: t.IssuedAt, ExpiresAt: t.ExpiresAt, PolicyExpiry: t.PolicyExpiry, UsefulAfter: t.UsefulAfter, Limits: t.Limits,
		}
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

func reveal(secrets map[string]credential.Secret) map[string]string {
	if len(secrets) == 0 {
		return nil
	}
	out := make(map[string]string, len(secrets))
	for name, s := range secrets {
		out[name] = s.Reveal()
	}
	return out
}

func hide(texts map[string]string) map[string]credential.Secret {
	if len(texts) == 0 {
		return nil
	}
	out := make(map[string]credential.Secret, len(texts))
	for name, text := range texts {
		out[name] = credential.NewSecret(text)
	}
	return out
}
