package emulator

import (
	"slices"
	"time"
)

// Settings configure the service. The zero value with one user is the most
// likely reading of the manuals, without subscription keys.
type Settings struct {
	Users []User

	// Keys are the subscription keys that the gateway accepts; if empty, it asks
	// for none. NextKeys replace them at KeysChangeAt; a key that is not among
	// them stops working then.
	Keys         []string
	NextKeys     []string
	KeysChangeAt time.Time
	// Prefixes are the path prefixes before /api; nil means none and "/v1".
	Prefixes []string
	// Unlimited switches off the customer's budget (4 a second, 240 a minute,
	// 2400 an hour). Silence gives no answer beyond it, in place of 429.
	Unlimited bool
	Silence   bool

	// MalformedAs500 answers 500 to invalid JSON, as the manual says of wrong
	// formats; else the answer is a 400 problem.
	MalformedAs500 bool
	// SingleUseType is the JSON type of utilizacaoUnica.
	SingleUseType SingleUseType
	// Strict answers 400 to a tempoExpiracao that is negative or longer than
	// MostMinutes (zero means a year). Without Strict, MostMinutes, if set, is a
	// silent ceiling.
	Strict      bool
	MostMinutes int
	// RefusalStatus and RefusalBody are the answer to a bad login or refresh; 0
	// and "" mean 401 with a problem.
	RefusalStatus int
	RefusalBody   RefusalBody

	// Rotation is what a refresh does to the refresh token it was sent.
	Rotation Rotation
	// Grace is how long a spent token is still accepted with RotateWithGrace;
	// zero means a minute.
	Grace time.Duration
	// ReuseKills ends every token of a user who sends a spent refresh token.
	ReuseKills bool
	// RefreshLifetime is that of a refresh token; zero means 30 days.
	RefreshLifetime time.Duration
	// RefreshFallsBack gives refreshed tokens the default lifetime of five days,
	// whatever the login asked for.
	RefreshFallsBack bool
	// KeepsRefreshToken leaves RefreshToken out of the answer to a refresh; the
	// old one stays valid.
	KeepsRefreshToken bool
	// RefreshNeedsBearer requires the current access token with a refresh.
	RefreshNeedsBearer bool

	// Minute is how long a minute of tempoExpiracao lasts; for demonstrations.
	Minute time.Duration
	// Status of success; 0 means 201.
	Status int
	// Dates and RefreshDates are the forms of the two expiries (empty
	// RefreshDates means Dates), and Zone is the zone they are written in.
	Dates, RefreshDates DateForm
	Zone                DateZone
	// CamelCase writes keys as in JavaScript.
	CamelCase bool
	// Opaque makes tokens random text instead of JWTs.
	Opaque bool
	// SingleUse is what utilizacaoUnica does.
	SingleUse SingleUse
	// OneLogin ends the older tokens of a user at a new login.
	OneLogin bool

	// Latency delays every answer; ClockOffset is how far the clock is ahead.
	Latency     time.Duration
	ClockOffset time.Duration
}

// User may log in.
type User struct {
	Name, Password string
	ID             string // a GUID; generated if empty
	FullName       string
	Blocked        bool
}

// SingleUseType is the JSON type that the service accepts for utilizacaoUnica.
type SingleUseType string

// The types. The zero value accepts only a boolean.
const (
	WantsBool   SingleUseType = ""
	WantsString SingleUseType = "string"
	TakesBoth   SingleUseType = "both"
)

// RefusalBody is the form of a refusal.
type RefusalBody string

// The forms. The zero value is a ProblemDetails of ASP.NET Core.
const (
	Problem   RefusalBody = ""
	EmptyBody RefusalBody = "empty"
	Sentence  RefusalBody = "string"
	Mensagem  RefusalBody = "mensagem"
	PlainText RefusalBody = "text"
)

// Rotation is what happens to a refresh token once it was sent.
type Rotation string

// The rotations. With the zero value it stops working immediately.
const (
	Rotate          Rotation = ""
	RotateWithGrace Rotation = "grace"
	NoRotation      Rotation = "none"
)

// SingleUse is one reading of utilizacaoUnica, which is not documented.
type SingleUse string

// The readings. The zero value does nothing.
const (
	NoEffect SingleUse = ""
	FirstUse SingleUse = "first-use" // the token dies with its first call
	OneAlive SingleUse = "one-alive" // a new login ends the older tokens
)

func (s Settings) clone() Settings {
	s.Users, s.Keys, s.NextKeys, s.Prefixes = slices.Clone(s.Users), slices.Clone(s.Keys), slices.Clone(s.NextKeys), slices.Clone(s.Prefixes)
	return s
}

func (s Settings) prefixes() []string {
	if s.Prefixes == nil {
		return []string{"", "/v1"}
	}
	return s.Prefixes
}

func (s Settings) keys(at time.Time) []string {
	if !s.KeysChangeAt.IsZero() && !at.Before(s.KeysChangeAt) {
		return s.NextKeys
	}
	return s.Keys
}

// life returns the lifetime of a token of so many minutes.
func (s Settings) life(minutes int) time.Duration {
	minute := s.Minute
	if minute == 0 {
		minute = time.Minute
	}
	return time.Duration(minutes) * minute
}

func (s Settings) refreshLife() time.Duration {
	if s.RefreshLifetime == 0 {
		return 30 * 24 * time.Hour
	}
	return s.RefreshLifetime
}

func (s Settings) grace() time.Duration {
	if s.Grace == 0 {
		return time.Minute
	}
	return s.Grace
}

func (s Settings) mostMinutes() int {
	if s.MostMinutes == 0 {
		return 365 * 24 * 60
	}
	return s.MostMinutes
}
