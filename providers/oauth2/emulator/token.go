package emulator

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"math"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// parameters reads the parameters from the one place where they are accepted.
func (x *exchange) parameters() url.Values {
	switch x.set.Send {
	case "query":
		return x.r.URL.Query()
	case "headers":
		form := url.Values{}
		for name, list := range x.r.Header {
			form[strings.ToLower(name)] = list
		}
		return form
	case "json":
		return x.document()
	}
	mediaType, _, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return nil
	}
	form, err := url.ParseQuery(string(x.body))
	if err != nil {
		return nil
	}
	return form
}

// document parses a JSON body of texts.
func (x *exchange) document() url.Values {
	mediaType, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	var members map[string]any
	if mediaType != "application/json" || json.Unmarshal(x.body, &members) != nil {
		return nil
	}
	form := url.Values{}
	for name, value := range members {
		form.Set(name, fmt.Sprint(value))
	}
	return form
}

// param returns a parameter by its standard name.
func (x *exchange) param(standard string) string {
	name := x.set.name(standard)
	if x.set.Send == "headers" {
		name = strings.ToLower(name)
	}
	return x.form.Get(name)
}

// token is the token endpoint.
func (x *exchange) token() {
	x.form = x.parameters()
	if x.set.GrantInQuery && x.form != nil {
		x.form.Set(x.set.name("grant_type"), x.r.URL.Query().Get("grant_type"))
	}
	if faults().Answer(x.w, x.fault, x) {
		return
	}
	for name, want := range x.set.Headers {
		if x.r.Header.Get(name) != want {
			x.refuse(http.StatusBadRequest, "invalid_request")
			return
		}
	}
	c, ok := x.client()
	grantType := x.param("grant_type")
	if !ok && grantType == jwtBearer && x.param("client_id") == "" && x.r.Header.Get("Authorization") == "" {
		issuer, _ := claimsOf(x.param("assertion"))["iss"].(string)
		c, ok = x.set.client(issuer) // the assertion names and authenticates the client
	}
	if !ok {
		x.locked(func() { x.counts.WrongClients++ })
		x.refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	if len(c.Grants) > 0 && !slices.Contains(c.Grants, grantType) {
		x.refuse(http.StatusBadRequest, "unauthorized_client")
		return
	}
	x.granted(c, grantType)
}

// The grants with long names.
const (
	jwtBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	deviceCode    = "urn:ietf:params:oauth:grant-type:device_code"
)

// granted handles the request by grant type.
func (x *exchange) granted(c Client, grantType string) {
	switch grantType {
	case "client_credentials":
		x.issue(&grant{client: c.ID, scope: x.param("scope")}, false)
	case "refresh_token":
		x.refreshed(c)
	case "password":
		user := x.param("username")
		if !slices.Contains(x.set.Users, User{user, x.param("password")}) {
			x.refuse(http.StatusBadRequest, "invalid_grant")
			return
		}
		x.issue(&grant{client: c.ID, user: user, scope: x.param("scope")}, true)
	case "authorization_code":
		x.exchanged(c)
	case deviceCode:
		x.polled(c)
	case jwtBearer:
		if !x.verified(c, x.param("assertion"), false) {
			x.refuse(http.StatusBadRequest, "invalid_grant")
			return
		}
		x.issue(&grant{client: c.ID, scope: x.param("scope")}, false)
	case tokenExchange:
		if x.param("subject_token_type") == "" || !x.Active(x.param("subject_token")) {
			x.refuse(http.StatusBadRequest, "invalid_request")
			return
		}
		x.issue(&grant{client: c.ID, scope: x.param("scope")}, false)
	case "":
		x.refuse(http.StatusBadRequest, "invalid_request")
	default:
		x.refuse(http.StatusBadRequest, "unsupported_grant_type")
	}
}

// refreshed accepts a refresh token. A spent one revokes its whole family.
func (x *exchange) refreshed(c Client) {
	var l *link
	reused := false
	x.locked(func() {
		l = x.refresh[x.param("refresh_token")]
		switch {
		case l == nil || l.client != c.ID || l.revoked || !l.expiresAt.IsZero() && !x.at.Before(l.expiresAt):
			if l != nil && !l.spentAt.IsZero() {
				x.counts.Reused++
			}
			l = nil
		case !l.spentAt.IsZero() && x.age(l.spentAt) > x.set.Grace:
			x.counts.Reused++
			x.counts.Revoked++
			l.revoked, reused = true, true
		default:
			x.counts.Refreshes++
			if x.set.Rotation == Rotate && l.spentAt.IsZero() {
				l.spentAt = x.at
			}
		}
	})
	if l == nil || reused {
		x.refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	x.issue(l.grant, true)
}

// issue answers with a token, and a refresh token if the grant has one.
func (x *exchange) issue(g *grant, withRefresh bool) {
	for _, word := range strings.Fields(g.scope) {
		if len(x.set.Scopes) > 0 && !slices.Contains(x.set.Scopes, word) {
			x.refuse(http.StatusBadRequest, "invalid_scope")
			return
		}
	}
	life := x.set.lifetime()
	text := x.newToken(g, life)
	out := map[string]any{"access_token": text, "token_type": "Bearer"}
	if x.fault == "token-type-lower" {
		out["token_type"] = "bearer"
	}
	x.stateLife(out, life)
	if g.scope != "" && !x.set.WithoutScope {
		out["scope"] = g.scope
	}
	if slices.Contains(strings.Fields(g.scope), "openid") {
		out["id_token"] = x.idToken(g, life)
	}
	x.locked(func() {
		x.counts.TokensIssued++
		held := *g
		held.expiresAt = x.at.Add(life)
		x.access[text] = &held
		if withRefresh {
			x.addRefresh(out, g)
		}
	})
	if x.fault == "lost-answer" {
		emulation.Drop()
	}
	x.json(http.StatusOK, out)
}

// addRefresh adds a refresh token to an answer, by the server's rule.
func (x *exchange) addRefresh(out map[string]any, g *grant) {
	if x.fault == "refresh-token-absent" {
		return
	}
	shown := x.param("refresh_token")
	switch {
	case shown != "" && x.set.Rotation == Keep:
		return
	case shown != "" && x.set.Rotation == Again:
		out["refresh_token"] = shown
	default:
		out["refresh_token"] = x.newRefresh(g, x.at)
	}
	if x.set.RefreshLifetime > 0 {
		out["refresh_expires_in"] = int(x.set.RefreshLifetime.Seconds())
	}
}

// newRefresh makes a refresh token of a family. The caller holds the lock.
func (s *Server) newRefresh(g *grant, at time.Time) string {
	text := rand.Text() + rand.Text()
	l := &link{grant: g}
	if s.settings.RefreshLifetime > 0 {
		l.expiresAt = at.Add(s.settings.RefreshLifetime)
	}
	s.refresh[text] = l
	return text
}

// stateLife states the lifetime, in the form that a fault asks for.
func (x *exchange) stateLife(out map[string]any, life time.Duration) {
	seconds := int64(math.Floor(life.Seconds()))
	switch x.fault {
	case "expires-in-string":
		out["expires_in"] = fmt.Sprint(seconds)
	case "expires-in-fraction":
		out["expires_in"] = json.RawMessage(fmt.Sprintf("%d.0", seconds))
	case "expires-in-absent":
	case "expires-in-zero":
		out["expires_in"] = 0
	case "expires-in-unreadable":
		out["expires_in"] = "one hour"
	case "expires-at":
		out["expires_at"] = x.at.Add(life).UTC().Format(time.RFC3339)
	case "expires-on":
		out["expires_on"] = fmt.Sprint(x.at.Add(life).Unix())
	default:
		out["expires_in"] = seconds
	}
}

func (x *exchange) newToken(g *grant, life time.Duration) string {
	if x.fault == "token-jwt" {
		return x.signer().Sign(nil, map[string]any{"sub": g.client, "exp": x.at.Add(life).Unix(), "jti": rand.Text()})
	}
	return rand.Text() + rand.Text()
}
