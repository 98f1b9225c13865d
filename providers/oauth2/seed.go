package oauth2

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/tokens"
)

// Names in credential.Credential.Seed.
const (
	seedToken  = "refresh_token"
	seedEndsAt = "refresh_token_expires_at"
)

// The rules for a refresh token whose answer was lost.
const (
	rotationStrict = "strict"
	rotationGrace  = "grace"
	rotationNone   = "none"
)

func seedOf(c credential.Credential) credential.Secret { return c.Seed[seedToken] }

// keep makes a credential from a grant. If the answer has no refresh token, the
// old one stays valid, with its expiry.
func (s *source) keep(g tokens.Grant, req credential.Request) credential.Credential {
	if g.Scope == "" {
		g.Scope = s.scope
	}
	c := credential.Credential{
		Values: g.Values(), IssuedAt: req.At, ExpiresAt: g.End.At, CountedExpiry: g.End.Counted, UnreadEnd: g.End.Unread,
	}
	if !s.keepsSeed() {
		return c
	}
	end := g.RefreshEnds
	if end.IsZero() && !g.Refresh.IsZero() && s.refreshLifetime > 0 {
		end = req.At.Add(s.refreshLifetime).UTC()
	}
	before, _ := time.Parse(time.RFC3339, req.Previous.Seed[seedEndsAt].Reveal())
	if g.Refresh.IsZero() {
		g.Refresh, end = seedOf(req.Previous), before
	}
	if g.Refresh.IsZero() {
		return c
	}
	c.Seed = map[string]credential.Secret{seedToken: g.Refresh}
	if end.IsZero() {
		return c
	}
	c.Seed[seedEndsAt] = credential.NewSecret(end.Format(time.RFC3339))
	c.Limits = []credential.Limit{{Kind: "refresh_token", EndsAt: end, Person: s.grant == grantRefresh && s.fixedEnd(before, end)}}
	return c
}

// fixedEnd reports whether a renewal does not extend the refresh token, so only a
// person can start over.
func (s *source) fixedEnd(before, end time.Time) bool {
	return s.rotation == rotationNone || !before.IsZero() && !end.After(before.Add(time.Second))
}
