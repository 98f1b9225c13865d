// Package credential holds the nouns of Vigente and the roles that act on them.
//
// A Credential is one answer from a backend: values that sinks may write, a
// private seed that sinks never receive, and the times that bound its lifetime.
// A Provider obtains credentials, a Sink delivers them, and a Fault says why
// either failed. The package makes no decisions, keeps no state, and imports
// only the standard library.
package credential

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Fields that every credential has in addition to those of its kind.
const (
	FieldExpiresAt  = "expires_at"
	FieldIssuedAt   = "issued_at"
	FieldGeneration = "generation"
)

// CommonFields lists the fields every credential has, whatever its kind.
var CommonFields = [...]string{FieldExpiresAt, FieldIssuedAt, FieldGeneration}

// Credential holds what one answer from a backend contained. All Values come
// from the same answer, so a Credential never mixes generations. The zero value
// means nothing has been obtained yet. The maps are never modified once the
// provider has returned them; copies may share them.
type Credential struct {
	// Generation numbers the distinct values obtained, starting at 1. The engine
	// sets it.
	Generation uint64 `json:"generation,omitempty"`
	// Values are the fields of the kind that sinks may write.
	Values map[string]Secret `json:"values,omitempty"`
	// Seed is what the provider needs for the next renewal (a refresh token, a
	// signed document). No sink ever receives it.
	Seed map[string]Secret `json:"seed,omitempty"`
	// IssuedAt is the start of the lifetime. If the answer states none, the
	// provider uses Request.At, the time just before the call.
	IssuedAt time.Time `json:"issued_at,omitzero"`
	// ExpiresAt is the expiry the server stated. If it stated none, the provider
	// leaves it zero, and the engine fills in a policy value and sets
	// PolicyExpiry.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// PolicyExpiry means ExpiresAt is IssuedAt plus the configured max_age, not
	// something the server stated.
	PolicyExpiry bool `json:"policy_expiry,omitempty"`
	// UnreadEnd describes an expiry that the answer states but that cannot be
	// parsed; empty otherwise. The values are used anyway, but treated as
	// short-lived.
	UnreadEnd string `json:"unread_end,omitempty"`
	// CountedExpiry means ExpiresAt and UsefulAfter were computed on this
	// machine's clock, from Request.At (expires_in) or from the offset between
	// the clocks (the answer's Date). They are shifted when the clock is set
	// back. It is false for a time the server stated outright, which is kept.
	CountedExpiry bool `json:"counted_expiry,omitempty"`
	// UsefulAfter is a hint: before this time the backend returns the same
	// values again. Zero means no hint.
	UsefulAfter time.Time `json:"useful_after,omitzero"`
	// Limits are other expiries the credential depends on: a refresh token, a
	// signed document, a certificate.
	Limits []Limit `json:"limits,omitempty"`
}

// Limit is the known expiry of something a credential depends on.
type Limit struct {
	// Kind is one of a fixed set: "certificate" (ours), "authority" (of a
	// ca_file), "term", "authorization", "refresh_token", "client_secret",
	// "consent".
	Kind string `json:"kind"`
	// EndsAt is when it stops working.
	EndsAt time.Time `json:"ends_at"`
	// Person means somebody has to act before then, because the daemon cannot
	// renew it by itself.
	Person bool `json:"person,omitempty"`
}

// MaxUnreadAge is the longest lifetime assumed for values whose expiry cannot
// be parsed: an unknown lifetime must not be assumed to be a long one.
const MaxUnreadAge = time.Hour

// MaxAge returns the lifetime to assume where the server states none: the
// configured max_age, capped at MaxUnreadAge if an expiry could not be parsed.
func (c Credential) MaxAge(configured time.Duration) time.Duration {
	if c.UnreadEnd != "" {
		return min(configured, MaxUnreadAge)
	}
	return configured
}

// JoinLimits returns the configured limits, plus those limits of the answer
// whose kind is not configured.
func JoinLimits(configured, answered []Limit) []Limit {
	out := slices.Clone(configured)
	for _, l := range answered {
		if !slices.ContainsFunc(configured, func(c Limit) bool { return c.Kind == l.Kind }) {
			out = append(out, l)
		}
	}
	return out
}

// StatedEnd returns the expiry the server stated, or zero if it stated none.
func (c Credential) StatedEnd() time.Time {
	if c.PolicyExpiry {
		return time.Time{}
	}
	return c.ExpiresAt
}

// IsZero reports whether nothing has been obtained yet.
func (c Credential) IsZero() bool { return c.Generation == 0 && len(c.Values) == 0 }

// SameValues reports whether both credentials have the same values.
func (c Credential) SameValues(o Credential) bool {
	return maps.EqualFunc(c.Values, o.Values, Secret.Equal)
}

// Field returns one field as sinks write it: a value of the kind, or one of
// CommonFields as RFC 3339 (UTC, whole seconds) or as a decimal number. It
// reports false if the credential has no such field.
func (c Credential) Field(name string) (Secret, bool) {
	if v, ok := c.Values[name]; ok {
		return v, !v.IsZero()
	}
	switch name {
	case FieldExpiresAt:
		return instant(c.ExpiresAt)
	case FieldIssuedAt:
		return instant(c.IssuedAt)
	case FieldGeneration:
		return NewSecret(strconv.FormatUint(c.Generation, 10)), c.Generation > 0
	}
	return Secret{}, false
}

func instant(t time.Time) (Secret, bool) {
	if t.IsZero() {
		return Secret{}, false
	}
	return NewSecret(t.UTC().Format(time.RFC3339)), true
}

// Set is a consistent set of credentials by name, as a sink receives it.
type Set map[string]Credential

// Names returns the names of the credentials, sorted.
func (s Set) Names() []string { return slices.Sorted(maps.Keys(s)) }
