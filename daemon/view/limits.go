package view

import (
	"cmp"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
)

// Limit is the known expiry of something that a credential or the listener needs.
type Limit struct {
	Kind   string  `json:"kind"`
	EndsAt Instant `json:"ends_at"`
	Person bool    `json:"person"`
}

// LimitsOf returns the limits of a document. It never returns nil.
func LimitsOf(limits []credential.Limit) []Limit {
	out := make([]Limit, 0, len(limits))
	for _, l := range limits {
		out = append(out, Limit{l.Kind, Instant{l.EndsAt}, l.Person})
	}
	return out
}

// soon is how long before its expiry people see a limit.
const soon = 60 * 24 * time.Hour

// LimitsSoon returns the limits that are needed and that have passed or will pass soon,
// the earliest first.
func LimitsSoon(limits []Limit, now time.Time) []Limit {
	var near []Limit
	for _, l := range limits {
		if l.Person && l.EndsAt.Sub(now) < soon {
			near = append(near, l)
		}
	}
	slices.SortStableFunc(near, func(a, b Limit) int { return cmp.Or(a.EndsAt.Compare(b.EndsAt.Time), cmp.Compare(a.Kind, b.Kind)) })
	return near
}

// Ended reports whether someone must act because a limit has passed.
func Ended(limits []Limit, now time.Time) bool {
	return slices.ContainsFunc(limits, func(l Limit) bool { return l.Person && !l.EndsAt.After(now) })
}

// LimitNames are the kinds of limits in words.
var LimitNames = map[string]string{
	"certificate":   "certificate",
	"authority":     "certificate authority",
	"term":          "term",
	"authorization": "authorization",
	"refresh_token": "refresh token",
	"client_secret": "client secret",
	"consent":       "consent",
}

// Sentences about a limit. %s are its name and the relative time.
const (
	LimitEnds  = "its %s ends %s; only a person can renew it"
	LimitEnded = "its %s ended %s; only a person can renew it"
)

// LimitForm returns the sentence for a limit.
func LimitForm(l Limit, now time.Time) string {
	if l.EndsAt.After(now) {
		return LimitEnds
	}
	return LimitEnded
}
