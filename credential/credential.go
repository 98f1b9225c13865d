// Package credential holds the nouns of Vigente and the roles that act on them.
//
// A Credential is one answer of a backend: values that sinks may show, a
// private seed that they never see, and the instants that bound its life. A
// Provider obtains credentials, a Sink delivers them, a Fault says why one of
// them could not. The package decides nothing, keeps no state and imports the
// standard library only.
package credential

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// Names of the fields that every credential has beside those of its kind.
const (
	FieldExpiresAt  = "expires_at"
	FieldIssuedAt   = "issued_at"
	FieldGeneration = "generation"
)

// CommonFields are the fields that every credential has, whatever its kind.
var CommonFields = [...]string{FieldExpiresAt, FieldIssuedAt, FieldGeneration}

// Credential is what one answer of a backend gave. All Values stem from that
// one answer, so that a set is never a mixture of generations. The zero value
// means that nothing has been obtained yet. Its maps are never changed after
// the provider returned it; copies may share them.
type Credential struct {
	// Generation counts the distinct values obtained, from 1. The engine sets it.
	Generation uint64 `json:"generation,omitempty"`
	// Values are the fields of the kind that sinks may show.
	Values map[string]Secret `json:"values,omitempty"`
	// Seed is what the provider needs to renew (a refresh token, a signed
	// document). No sink ever receives it.
	Seed map[string]Secret `json:"seed,omitempty"`
	// IssuedAt is the instant from which the life of the values counts. A
	// provider that is told none uses Request.At, the instant before the call.
	IssuedAt time.Time `json:"issued_at,omitzero"`
	// ExpiresAt is the server's word on the end of the life; zero when the
	// server says nothing, in which case the engine fills in a policy value
	// and sets PolicyExpiry.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// PolicyExpiry says that ExpiresAt is IssuedAt plus the configured max_age
	// and no fact of the server.
	PolicyExpiry bool `json:"policy_expiry,omitempty"`
	// UnreadEnd says, in our words, that the answer states an end which cannot
	// be read; empty when it does not. The values are used all the same, and
	// counted as short-lived.
	UnreadEnd string `json:"unread_end,omitempty"`
	// CountedExpiry says that ExpiresAt and UsefulAfter were placed on the clock
	// of this machine, by counting from Request.At (an expires_in) or by
	// comparing clocks (the Date of the answer). They move with the clock when
	// it is set back. A server's instant that is taken as it stands leaves it
	// false, and stays where it is.
	CountedExpiry bool `json:"counted_expiry,omitempty"`
	// UsefulAfter is a hint: asking the backend before this instant returns
	// the same values again. Zero means no hint.
	UsefulAfter time.Time `json:"useful_after,omitzero"`
	// Limits are the other lives that end one day and need a person or another
	// renewal then: a refresh token, a signed document, a certificate.
	Limits []Limit `json:"limits,omitempty"`
}

// Limit is the known end of something a credential depends on.
type Limit struct {
	// Kind names it, from a fixed set: "certificate" (ours), "authority" (of a
	// ca_file), "term", "authorization", "refresh_token", "client_secret",
	// "consent".
	Kind string `json:"kind"`
	// EndsAt is the instant after which it no longer works.
	EndsAt time.Time `json:"ends_at"`
	// Person says that a person has to act before that instant, because the
	// daemon cannot renew it alone.
	Person bool `json:"person,omitempty"`
}

// MaxUnreadAge is the longest life that values with an end that cannot be read
// are given: a life that is not understood is not taken for a long one.
const MaxUnreadAge = time.Hour

// MaxAge is the life to count with where the server's word is missing, of the
// one that the configuration sets.
func (c Credential) MaxAge(configured time.Duration) time.Duration {
	if c.UnreadEnd != "" {
		return min(configured, MaxUnreadAge)
	}
	return configured
}

// JoinLimits returns the limits of the configuration, and those of an answer
// whose kinds the configuration says nothing about.
func JoinLimits(configured, answered []Limit) []Limit {
	out := slices.Clone(configured)
	for _, l := range answered {
		if !slices.ContainsFunc(configured, func(c Limit) bool { return c.Kind == l.Kind }) {
			out = append(out, l)
		}
	}
	return out
}

// StatedEnd is the end that the server stated, zero where it stated none.
func (c Credential) StatedEnd() time.Time {
	if c.PolicyExpiry {
		return time.Time{}
	}
	return c.ExpiresAt
}

// IsZero reports whether nothing has been obtained.
func (c Credential) IsZero() bool { return c.Generation == 0 && len(c.Values) == 0 }

// SameValues reports whether both credentials show the same values.
func (c Credential) SameValues(o Credential) bool {
	return maps.EqualFunc(c.Values, o.Values, Secret.Equal)
}

// Field returns one field as sinks show it: a value of the kind, or one of
// CommonFields in RFC 3339 (UTC, seconds) or decimal form. It reports false
// for a field that the credential does not have.
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

// Set is a consistent choice of credentials by name, what a sink is handed.
type Set map[string]Credential

// Names returns the credentials' names, sorted.
func (s Set) Names() []string { return slices.Sorted(maps.Keys(s)) }
