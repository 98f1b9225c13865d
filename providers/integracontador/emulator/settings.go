package emulator

import (
	"crypto/x509"
	"time"
)

// Settings say how the service behaves. The zero value with one key is the
// service of the present pages; everything the pages leave open is a setting.
type Settings struct {
	Keys []Key

	// PairLife is that of a session; 0 means an hour.
	PairLife time.Duration
	// AlwaysNew gives a new pair at every login. Without it a pair that lives
	// is handed out again, with what is left of its life.
	AlwaysNew bool
	// NewJWT gives a new jwt_token with the same access_token.
	NewJWT bool
	// ExpiresInText writes expires_in as a string.
	ExpiresInText bool

	// WithoutCertificate lets a login pass that shows none over TLS, and
	// RequireCertificate refuses it on plain connections too.
	WithoutCertificate, RequireCertificate bool
	// Roots are the authorities of authors' certificates; nil trusts any.
	Roots *x509.CertPool
	// Revoked are serial numbers, in decimal, of revoked certificates.
	Revoked []string

	Life      Life
	TokenLife time.Duration // when not 0, in place of Life: for demonstrations
	// EndsAt is the end of every procurador token given before it, in place of
	// Life: a midnight near enough to wait for.
	EndsAt    time.Time
	CacheBy   CacheBy
	Codes     Codes
	Expires   Expires
	Etag      Etag
	Expiry    Expiry
	EtagOn200 bool
	// Portuguese writes the days and months of expires in that language.
	Portuguese bool
	// SameToken gives the old text again after its expiry.
	SameToken bool
	// AnyDocument takes a document without looking into it, for runs of
	// thousands of authors who share one certificate.
	AnyDocument bool
	// OnlySameDay refuses a Termo that was signed on an earlier day.
	OnlySameDay bool
	// DadosObject writes dados as an object, StatusText the status as a string.
	DadosObject, StatusText bool
	// NoEcho leaves out the request's own parts.
	NoEcho bool

	// Latency delays every answer, ClockOffset is how far the clock is ahead.
	Latency, ClockOffset time.Duration
}

// Key is one contract: the pair that was bought, and the CNPJ of who bought it;
// empty means that of the certificate or, without one, any.
type Key struct{ ConsumerKey, ConsumerSecret, Contratante string }

// Life is the rule for the end of a procurador token.
type Life string

// The rules: the next midnight in Brasília, or twelve hours.
const (
	UntilMidnight Life = ""
	TwelveHours   Life = "12h"
)

// CacheBy is what makes a posted Termo a repeated one.
type CacheBy string

// The keys: the bytes of the document, or contratante and author.
const (
	ByDocument CacheBy = ""
	ByParties  CacheBy = "parties"
)

// Codes are the numbers for faults of a signature.
type Codes string

// The forms: wrapped in 013 with status 403, as seen in life, or 025 to 033
// with status 400, as documented.
const (
	Wrapped    Codes = ""
	Documented Codes = "documented"
)

// Expires is the zone of the expires header.
type Expires string

// The zones: real GMT, Brasília's wall clock labelled GMT, or no header.
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
