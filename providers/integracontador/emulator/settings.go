package emulator

import (
	"crypto/x509"
	"time"
)

// Settings configure the service. The zero value with one key is the service of
// the current pages; everything the pages leave open is a setting.
type Settings struct {
	Keys []Key

	// PairLife is the lifetime of a session; 0 means an hour.
	PairLife time.Duration
	// AlwaysNew gives a new pair at every login. Without it, a pair in force is
	// returned again, with its remaining lifetime.
	AlwaysNew bool
	// NewJWT gives a new jwt_token with the same access_token.
	NewJWT bool
	// ExpiresInText writes expires_in as a string.
	ExpiresInText bool

	// WithoutCertificate allows a login over TLS without a certificate;
	// RequireCertificate refuses it on plain connections too.
	WithoutCertificate, RequireCertificate bool
	// Roots are the authorities of authors' certificates; nil trusts any.
	Roots *x509.CertPool
	// Revoked are serial numbers, in decimal, of revoked certificates.
	Revoked []string

	Life      Life
	TokenLife time.Duration // if not 0, replaces Life: for demonstrations
	// EndsAt is the expiry of every procurador token issued before it, in place
	// of Life: a midnight near enough to wait for.
	EndsAt    time.Time
	CacheBy   CacheBy
	Codes     Codes
	Expires   Expires
	Etag      Etag
	Expiry    Expiry
	EtagOn200 bool
	// Portuguese writes the days and months of expires in Portuguese.
	Portuguese bool
	// SameToken issues the old text again after its expiry.
	SameToken bool
	// AnyDocument accepts a document without checking it, for runs of thousands
	// of authors who share one certificate.
	AnyDocument bool
	// OnlySameDay refuses a Termo that was signed on an earlier day.
	OnlySameDay bool
	// DadosObject writes dados as an object, StatusText the status as a string.
	DadosObject, StatusText bool
	// NoEcho leaves out the parts that echo the request.
	NoEcho bool

	// Latency delays every answer; ClockOffset is how far the clock is ahead.
	Latency, ClockOffset time.Duration
}

// Key is one contract: the API keys, and the CNPJ of their owner; empty means
// that of the certificate or, without one, any.
type Key struct{ ConsumerKey, ConsumerSecret, Contratante string }

// Life is the rule for the expiry of a procurador token.
type Life string

// The rules: the next midnight in Brasília, or twelve hours.
const (
	UntilMidnight Life = ""
	TwelveHours   Life = "12h"
)

// CacheBy is the key by which a posted Termo counts as repeated.
type CacheBy string

// The keys: the bytes of the document, or contratante and author.
const (
	ByDocument CacheBy = ""
	ByParties  CacheBy = "parties"
)

// Codes selects the codes for faults of a signature.
type Codes string

// The forms: wrapped in 013 with status 403, as observed, or 025 to 033 with
// status 400, as documented.
const (
	Wrapped    Codes = ""
	Documented Codes = "documented"
)

// Expires is the zone of the expires header.
type Expires string

// The zones: real GMT, local time in Brasília labelled GMT, or no header.
const (
	InGMT         Expires = ""
	LocalAsGMT    Expires = "local"
	WithoutHeader Expires = "none"
)

// Etag is the spelling of the etag header.
type Etag string

// The spellings.
const (
	Quoted   Etag = ""
	Weak     Etag = "weak"
	Unquoted Etag = "unquoted"
	Bare     Etag = "bare"
)

// Expiry is the form of data_hora_expiracao.
type Expiry string

// The forms: without a zone, or with seven digits of a fraction and an offset.
const (
	Local      Expiry = ""
	WithOffset Expiry = "offset"
)

func (s Settings) pairLife() time.Duration {
	if s.PairLife == 0 {
		return time.Hour
	}
	return s.PairLife
}
