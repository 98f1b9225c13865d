package emulator

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"math"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// token is the token endpoint. It checks the client credentials grant in the
// order of the library.
func (x *exchange) token() {
	if x.r.Method != http.MethodPost {
		x.kongNoRoute()
		return
	}
	form := x.form()
	if form.Get("grant_type") != "client_credentials" {
		x.league(http.StatusBadRequest, "unsupported_grant_type",
			"The authorization grant type is not supported by the authorization server.",
			"Check that all required parameters have been provided")
		return
	}
	id, secret := x.clientOf(form)
	if id == "" {
		x.invalidRequest("client_id")
		return
	}
	if secret == "" {
		if x.set.Profile == League6 {
			x.invalidClient()
		} else {
			x.invalidRequest("client_secret")
		}
		return
	}
	app, found := x.application(id, secret)
	if !found {
		x.invalidClient()
		return
	}
	if !x.mayCallFrom(app) {
		x.refused()
		return
	}
	x.issue(app, form)
}

// form returns the parameters in the body; a body of another type has none.
func (x *exchange) form() url.Values {
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

// clientOf returns the client's id and secret. Values in the body take
// precedence over the Basic header, which is split at the first colon and not
// decoded further. Both are trimmed.
func (x *exchange) clientOf(form url.Values) (id, secret string) {
	basic, isBasic := hasScheme(x.r.Header.Get("Authorization"), "Basic")
	if isBasic {
		if decoded, err := base64.StdEncoding.DecodeString(basic); err == nil {
			id, secret, _ = strings.Cut(string(decoded), ":")
		}
	}
	if isBasic && (form.Has("client_id") || form.Has("client_secret")) {
		x.update(func() { x.counts.BothAuthMethods++ })
	}
	if form.Has("client_id") {
		id = form.Get("client_id")
	}
	if form.Has("client_secret") {
		secret = form.Get("client_secret")
	}
	return strings.TrimSpace(id), strings.TrimSpace(secret)
}

func (x *exchange) application(id, secret string) (Application, bool) {
	for _, app := range x.set.Applications {
		if app.ClientID != "" && app.ClientID == id && app.inForce(x.serverTime()) &&
			subtle.ConstantTimeCompare([]byte(app.secret(x.serverTime())), []byte(secret)) == 1 {
			return app, true
		}
	}
	return Application{}, false
}

// mayCallFrom checks the addresses and referers of the authorization.
func (x *exchange) mayCallFrom(app Application) bool {
	address, _, err := net.SplitHostPort(x.r.RemoteAddr)
	if err != nil {
		address = x.r.RemoteAddr
	}
	allowed := func(list []string, value string) bool {
		return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, value)
	}
	return allowed(app.Addresses, address) && allowed(app.Referers, x.r.Header.Get("Referer"))
}

// issue answers with a token.
func (x *exchange) issue(app Application, form url.Values) {
	life := x.set.lifetime()
	if minutes, err := strconv.Atoi(form.Get("ttl")); err == nil && x.set.AcceptTTL && minutes > 0 {
		life = time.Duration(minutes) * time.Minute
	}
	now := x.serverTime()
	text := x.newToken(app, now, life)
	x.update(func() {
		x.counts.TokensIssued++
		x.tokens[text] = issued{app.ClientID, now.Add(life)}
	})

	type answer struct {
		TokenType   string          `json:"token_type"`
		ExpiresIn   json.RawMessage `json:"expires_in,omitempty"`
		AccessToken string          `json:"access_token"`
	}
	out := answer{x.set.tokenType(), x.expiresIn(life), text}
	if x.fault == "token-type-lower" {
		out.TokenType = strings.ToLower(out.TokenType)
	}
	if x.fault == "token-type-mac" {
		out.TokenType = "mac"
	}
	x.w.Header().Set("Cache-Control", "no-store")
	x.w.Header().Set("Pragma", "no-cache")
	x.json(http.StatusOK, "application/json; charset=UTF-8", out)
}

func (s Settings) tokenType() string {
	if s.TokenType == "" {
		return "Bearer"
	}
	return s.TokenType
}

// expiresIn returns the lifetime as JSON, or nil to leave it out.
func (x *exchange) expiresIn(life time.Duration) json.RawMessage {
	// The library computes it as expiry minus now, in whole seconds.
	seconds := strconv.FormatInt(int64(math.Floor(life.Seconds())), 10)
	way := x.set.ExpiresIn
	switch x.fault {
	case "expires-in-string":
		way = AsString
	case "expires-in-absent":
		way = Absent
	case "expires-in-zero":
		way = AsZero
	case "expires-in-negative":
		return json.RawMessage("-5")
	case "expires-in-century":
		return json.RawMessage("3153600000")
	}
	switch way {
	case AsString:
		return json.RawMessage(`"` + seconds + `"`)
	case Absent:
		return nil
	case AsZero:
		return json.RawMessage("0")
	default:
		return json.RawMessage(seconds)
	}
}

func (x *exchange) newToken(app Application, now time.Time, life time.Duration) string {
	switch {
	case x.fault == "token-empty":
		return ""
	case x.fault == "token-injects":
		return "token\r\nX-Injected: yes"
	case x.fault == "token-opaque" || x.set.Opaque:
		return rand.Text() + rand.Text()
	}
	return accessToken(x.signer(), app.ClientID, now, life)
}

// serverTime is the time on the vault's clock.
func (x *exchange) serverTime() time.Time { return x.at.Add(x.clockOffset()) }

func (x *exchange) clockOffset() time.Duration {
	switch x.fault {
	case "clock-ahead":
		return time.Hour
	case "clock-behind":
		return -time.Hour
	}
	return x.set.ClockOffset
}
