package emulator

import (
	"bytes"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
)

// defaultMinutes is the lifetime of a token if none is asked for: five days.
const defaultMinutes = 7200

// request is the body of either call, with keys matched as ASP.NET does.
type request struct {
	Username        string          `json:"username"`
	Password        string          `json:"password"`
	Aplicacao       *string         `json:"aplicacao"`
	TempoExpiracao  json.RawMessage `json:"tempoExpiracao"`
	UtilizacaoUnica json.RawMessage `json:"utilizacaoUnica"`
	IDUsuario       string          `json:"idUsuario"`
	RefreshToken    string          `json:"refreshToken"`
}

// bind parses the body, or answers what is wrong with it.
func (x *exchange) bind() (request, bool) {
	var q request
	media := strings.ToLower(x.r.Header.Get("Content-Type"))
	if !strings.Contains(media, "json") {
		x.problem(http.StatusUnsupportedMediaType, "Unsupported Media Type", nil)
		return q, false
	}
	if err := json.Unmarshal(bytes.TrimSpace(x.body), &q); err != nil {
		if x.set.MalformedAs500 {
			x.problem(http.StatusInternalServerError, "An error occurred while processing your request.", nil)
		} else {
			x.problem(http.StatusBadRequest, invalid, map[string]string{"$": "The JSON value could not be converted."})
		}
		return q, false
	}
	return q, true
}

const invalid = "One or more validation errors occurred."

func (x *exchange) login() {
	x.update(func() { x.counts.Logins++ })
	q, ok := x.bind()
	if !ok {
		return
	}
	minutes, ok := x.minutes(q.TempoExpiracao)
	if !ok {
		return
	}
	single, ok := x.singleUse(q.UtilizacaoUnica)
	if !ok {
		return
	}
	user, known := x.user(q.Username)
	same := subtle.ConstantTimeCompare([]byte(user.Password), []byte(q.Password)) == 1
	if !known || !same || user.Blocked || x.fault == "login-refused" {
		x.update(func() { x.counts.FailedLogins[q.Username]++ })
		x.refuse("Usuário ou senha inválidos.")
		return
	}
	if x.set.OneLogin || single && x.set.SingleUse == OneAlive {
		x.update(func() { x.endTokensLocked(user.Name) })
	}
	x.update(func() { x.counts.LoginsAccepted++ })
	x.issue(user, minutes, single, true)
}

// minutes parses tempoExpiracao and answers a problem if it is not a number.
func (x *exchange) minutes(raw json.RawMessage) (int, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return defaultMinutes, true
	}
	n := 0
	if json.Unmarshal(raw, &n) != nil || n > math.MaxInt32 || n < math.MinInt32 {
		x.problem(http.StatusBadRequest, invalid, map[string]string{"$.tempoExpiracao": "The JSON value could not be converted to System.Int32."})
		return 0, false
	}
	if x.set.Strict && (n < 0 || n > x.set.mostMinutes()) {
		x.problem(http.StatusBadRequest, invalid, map[string]string{"TempoExpiracao": "The field TempoExpiracao is out of range."})
		return 0, false
	}
	if n <= 0 {
		n = defaultMinutes
	}
	if x.set.MostMinutes > 0 {
		n = min(n, x.set.MostMinutes)
	}
	return n, true
}

// singleUse parses utilizacaoUnica in the type of the settings.
func (x *exchange) singleUse(raw json.RawMessage) (bool, bool) {
	if len(raw) == 0 || string(raw) == "null" {
		return false, true
	}
	var b bool
	var s string
	isBool, isString := json.Unmarshal(raw, &b) == nil, json.Unmarshal(raw, &s) == nil
	switch {
	case isBool && x.set.SingleUseType != WantsString:
		return b, true
	case isString && x.set.SingleUseType != WantsBool:
		return strings.EqualFold(s, "true"), true
	}
	x.problem(http.StatusBadRequest, invalid, map[string]string{"$.utilizacaoUnica": "The JSON value could not be converted."})
	return false, false
}

func (x *exchange) refresh() {
	x.update(func() { x.counts.Refreshes++ })
	q, ok := x.bind()
	if !ok {
		return
	}
	user, known := x.user(q.Username)
	old, problem := x.exchangeable(q, user)
	if !known || problem || x.fault == "refresh-refused" {
		x.refuse("Token de atualização inválido.")
		return
	}
	minutes := old.minutes
	if x.set.RefreshFallsBack {
		minutes = defaultMinutes
	}
	x.update(func() { x.counts.RefreshesAccepted++ })
	rotates := x.set.Rotation != NoRotation && !x.set.KeepsRefreshToken
	if rotates {
		x.update(func() {
			if old.spentAt.IsZero() {
				old.spentAt = x.at
			}
		})
	}
	x.issue(user, minutes, old.single, rotates)
}

// exchangeable finds the refresh token of a request and reports whether it is
// refused.
func (x *exchange) exchangeable(q request, user User) (old *renewal, problem bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	old = x.renewals[q.RefreshToken]
	if old == nil {
		return nil, true
	}
	spent := !old.spentAt.IsZero()
	if spent {
		x.counts.SpentShown++
		if x.set.ReuseKills {
			x.endTokensLocked(old.user)
		}
	}
	if !x.at.Before(old.expiresAt) {
		x.counts.ExpiredShown++
		return old, true
	}
	graced := spent && x.set.Rotation == RotateWithGrace && x.at.Before(old.spentAt.Add(x.set.grace()))
	bearer := x.tokens[strings.TrimPrefix(x.r.Header.Get("Authorization"), "Bearer ")]
	switch {
	case spent && !graced,
		old.user != user.Name || !strings.EqualFold(q.IDUsuario, user.ID) || user.Blocked,
		x.set.RefreshNeedsBearer && (bearer == nil || bearer.user != user.Name):
		return old, true
	}
	return old, false
}

// endTokensLocked ends every token of a user.
func (s *Server) endTokensLocked(user string) {
	for _, a := range s.tokens {
		if a.user == user {
			a.dead = true
		}
	}
	for _, r := range s.renewals {
		if r.user == user && r.spentAt.IsZero() {
			r.expiresAt = time.Time{}
		}
	}
}

// user finds a user by name, ignoring case, and fills in a missing ID.
func (x *exchange) user(name string) (User, bool) {
	for i, u := range x.set.Users {
		if strings.EqualFold(u.Name, name) {
			if u.ID == "" {
				u.ID = fmt.Sprintf("3fa85f64-5717-4562-b3fc-%012d", i+1)
			}
			if u.FullName == "" {
				u.FullName = u.Name
			}
			return u, true
		}
	}
	return User{}, false
}

// issue answers with tokens. Without fresh, the refresh token in the request
// stays valid.
func (x *exchange) issue(user User, minutes int, single, fresh bool) {
	life := x.set.life(minutes)
	var token, renewed string
	end, refreshEnd := x.at.Add(life), x.at.Add(x.set.refreshLife())
	x.update(func() {
		x.serial++
		token = x.newTokenLocked(user, end)
		x.tokens[token] = &access{user: user.Name, expiresAt: end.Add(-x.at.Sub(x.now())), once: single && x.set.SingleUse == FirstUse}
		if fresh {
			renewed = fmt.Sprintf("%s-refresh-%06d", strings.ReplaceAll(user.ID, "-", "")[:8], x.serial)
			x.renewals[renewed] = &renewal{user: user.Name, minutes: minutes, single: single, expiresAt: refreshEnd}
		}
	})
	if !fresh && !x.set.KeepsRefreshToken {
		var q request
		_ = json.Unmarshal(x.body, &q)
		renewed = q.RefreshToken
		x.mu.Lock()
		refreshEnd = x.renewals[renewed].expiresAt
		x.mu.Unlock()
	}
	members := []member{
		{"IdUsuario", user.ID},
		{"NomeUsuario", user.FullName},
		{"Login", user.Name},
		{"Token", x.shape(token)},
		{"ExpiracaoToken", x.date(end, x.set.Dates)},
		{"RefreshToken", renewed},
		{"ExpiracaoRefreshToken", x.date(refreshEnd, x.set.refreshDates())},
	}
	if !fresh && x.set.KeepsRefreshToken || x.fault == "no-refresh-token" {
		members = append(members[:5:5], member{"ExpiracaoRefreshToken", nil})
	}
	if x.fault == "no-dates" {
		members = append(members[:4:4], members[5])
	}
	x.granted(members)
}

func (x *exchange) lists() {
	token := strings.TrimPrefix(x.r.Header.Get("Authorization"), "Bearer ")
	good := false
	x.update(func() {
		x.counts.Lists++
		a := x.tokens[token]
		good = a != nil && !a.dead && x.now().Before(a.expiresAt)
		if good && a.once {
			a.dead = true
		}
	})
	if !good {
		x.w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token", error_description="The token expired"`)
		x.w.WriteHeader(http.StatusUnauthorized)
		return
	}
	x.raw(http.StatusOK, "application/json; charset=utf-8", `[{"IdLista":1,"Nome":"Documentos"}]`)
}

// update changes the server's state.
func (x *exchange) update(change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
}
