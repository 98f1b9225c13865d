package emulator

import (
	"slices"
	"time"
)

// Settings configure the vault. The zero value with one application is a
// well-behaved vault.
type Settings struct {
	// Applications are the A2A applications, each with one authorization.
	Applications []Application

	// Profile selects the fields of OAuth 2.0 error bodies.
	Profile Profile
	// Lifetime of a token; 0 means an hour. The vendor's texts also mention a day.
	Lifetime time.Duration
	// AcceptTTL lets the body field ttl (minutes) change the lifetime.
	AcceptTTL bool
	// ExpiresIn is how the answer states the lifetime.
	ExpiresIn ExpiresIn
	// TokenType is the value of token_type; empty means Bearer.
	TokenType string
	// Opaque makes access tokens random text instead of JWTs.
	Opaque bool

	// Refusal answers an address or referer that is not allowed.
	Refusal Refusal
	// CheckAddressOnUse also checks the address on resource calls; the documents
	// do not say when it is checked.
	CheckAddressOnUse bool
	// RequireClientCertificate refuses callers without one.
	RequireClientCertificate bool

	// Latency delays every answer.
	Latency time.Duration
	// ClockOffset is how far the vault's clock is ahead.
	ClockOffset time.Duration

	// PublicURL is the base that callers sign (scheme, host, path prefix) if a
	// proxy rewrites it on the way; empty means the request's own.
	PublicURL string
	// Skew is how far an OAuth 1.0 timestamp may be off; 0 means 300 s.
	Skew time.Duration
	// AcceptPlaintext allows the PLAINTEXT signature method.
	AcceptPlaintext bool
	// AcceptUnsigned allows consumer key and token in the query without a
	// signature, the discouraged way of old versions.
	AcceptUnsigned bool
	// AllowReplay accepts repeated nonces.
	AllowReplay bool
}

// Application is an A2A application with its authorization: the OAuth 2.0 pair,
// or the four values of OAuth 1.0.
type Application struct {
	Name                   string
	ClientID, ClientSecret string
	// NextSecret replaces ClientSecret at RotatesAt.
	NextSecret                  string
	RotatesAt                   time.Time
	ConsumerKey, ConsumerSecret string
	TokenKey, TokenSecret       string

	Disabled bool
	// ExpiresAt is the expiry of the authorization; zero means never.
	ExpiresAt time.Time
	// Addresses and Referers that are allowed; empty means any.
	Addresses, Referers []string
	// Resources that are allowed ("pam", "coe", "dapp"); nil means all.
	Resources []string
}

// Profile is the generation of the OAuth library, visible in error bodies.
type Profile string

// The generations. The zero value is League8.
const (
	League6 Profile = "league6" // error, message
	League8 Profile = "league8" // error, error_description, message
	League9 Profile = "league9" // error, error_description
)

// ExpiresIn is how the lifetime of a token is stated.
type ExpiresIn string

// The ways. The zero value is a number.
const (
	AsNumber ExpiresIn = ""
	AsString ExpiresIn = "string"
	Absent   ExpiresIn = "absent"
	AsZero   ExpiresIn = "zero"
)

// Refusal is the answer to a caller from an address or referer that is not
// allowed; the vendor does not document it.
type Refusal string

// The refusals. The zero value answers as for a wrong secret.
const (
	RefuseAsClient    Refusal = ""
	RefuseAsPage      Refusal = "page"      // 403 with a page of a firewall
	RefuseAsForbidden Refusal = "forbidden" // 403 with JSON
)

func (s Settings) clone() Settings {
	s.Applications = slices.Clone(s.Applications)
	return s
}

func (s Settings) lifetime() time.Duration {
	if s.Lifetime == 0 {
		return time.Hour
	}
	return s.Lifetime
}

func (s Settings) skew() time.Duration {
	if s.Skew == 0 {
		return 300 * time.Second
	}
	return s.Skew
}

// secret returns the client secret in force at a given time.
func (a Application) secret(at time.Time) string {
	if a.NextSecret != "" && !at.Before(a.RotatesAt) {
		return a.NextSecret
	}
	return a.ClientSecret
}

// inForce reports whether the application may authenticate at all.
func (a Application) inForce(at time.Time) bool {
	return !a.Disabled && (a.ExpiresAt.IsZero() || at.Before(a.ExpiresAt))
}

func (a Application) mayUse(resource string) bool {
	return a.Resources == nil || slices.Contains(a.Resources, resource)
}
