package emulator

import (
	"slices"
	"time"
)

// Settings say how the service behaves. The zero value with one user is the
// most likely reading of the manuals, without subscription keys.
type Settings struct {
	Users []User

	// Keys are the subscription keys that the gateway takes; without any it asks
	// for none. NextKeys replace them at KeysChangeAt: what is no longer among
	// them is dead at once.
	Keys         []string
	NextKeys     []string
	KeysChangeAt time.Time
	// Prefixes stand before /api; nil means none and "/v1".
	Prefixes []string
	// Unlimited switches the customer's budget off (4 a second, 240 a minute,
	// 2400 an hour). Silence answers nothing beyond it in place of 429.
	Unlimited bool
	Silence   bool

	// MalformedAs500 answers 500 to JSON that cannot be read, as the manual says
	// of wrong formats; else a 400 problem.
	MalformedAs500 bool
	// SingleUseType is the JSON type of utilizacaoUnica.
	SingleUseType SingleUseType
	// Strict answers 400 to a tempoExpiracao that is negative or longer than
	// MostMinutes (a year when zero). Otherwise MostMinutes, when set, is a
	// ceiling that is applied without a word.
	Strict      bool
	MostMinutes int
	// RefusalStatus and RefusalBody answer a bad login and a bad refresh; 0 and
	// "" mean 401 with a problem.
	RefusalStatus int
	RefusalBody   RefusalBody

	// Rotation is what a refresh does to the token that was shown.
	Rotation Rotation
	// Grace is how long a spent token is taken with RotateWithGrace; a minute
	// when zero.
	Grace time.Duration
	// ReuseKills makes a spent token that is shown end every token of its user.
	ReuseKills bool
	// RefreshLifetime is 30 days when zero.
	RefreshLifetime time.Duration
	// RefreshFallsBack gives refreshed tokens the default life of five days
	// whatever the login asked for.
	RefreshFallsBack bool
	// KeepsRefreshToken leaves RefreshToken out of the answer to a refresh; the
	// old one stays good.
	KeepsRefreshToken bool
	// RefreshNeedsBearer wants the present token with a refresh.
	RefreshNeedsBearer bool

	// Minute is how long a minute of tempoExpiracao lasts; for demonstrations.
	Minute time.Duration
	// Status of success; 0 means 201.
	Status int
	// Dates and RefreshDates are the forms of the two expiries (RefreshDates
	// that of Dates when empty), Zone the one they are written in.
	Dates, RefreshDates DateForm
	Zone                DateZone
	// CamelCase writes keys as in JavaScript.
	CamelCase bool
	// Opaque makes tokens random text instead of JWTs.
	Opaque bool
	// SingleUse is what utilizacaoUnica does.
	SingleUse SingleUse
	// OneLogin ends older tokens of a user at a new login.
	OneLogin bool

	// Latency delays every answer, ClockOffset is how far the clock is ahead.
	Latency     time.Duration
	ClockOffset time.Duration
}

// User may log in.
type User struct {
	Name, Password string
	ID             string // a GUID; one is made up when empty
	FullName       string
	Blocked        bool
}

// SingleUseType is what the service takes for utilizacaoUnica.
type SingleUseType string

// The types. The zero value takes a boolean only.
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

// Rotation is what becomes of a refresh token that was shown.
type Rotation string

// The rotations. The zero value is dead at once.
const (
	Rotate          Rotation = ""
	RotateWithGrace Rotation = "grace"
	NoRotation      Rotation = "none"
)

// SingleUse is a reading of utilizacaoUnica, which nobody explains.
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

// life is how long a token of so many minutes lives.
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
