package emulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const (
	user     = "integracao"
	password = "S3nha!"
	key      = "key-1"
)

func settings() Settings {
	return Settings{Users: []User{{Name: user, Password: password}, {Name: "outro", Password: "x"}}, Keys: []string{key, "key-2"}}
}

// clock is set by the test.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func at() *clock { return &clock{time.Date(2026, 5, 6, 15, 4, 5, 0, time.UTC)} }

// answer is one answer.
type answer struct {
	status int
	header http.Header
	body   string
	fields map[string]any
}

func (a answer) text(name string) string { s, _ := a.fields[name].(string); return s }

func send(t testing.TB, s *Server, method, path, body string, headers ...string) (a answer) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("SubscriptionKey", key)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	func() {
		defer func() {
			if p := recover(); p != nil && p != http.ErrAbortHandler {
				panic(p)
			} else if p != nil {
				a.status = -1
			}
		}()
		s.ServeHTTP(w, r)
	}()
	if a.status < 0 {
		return a
	}
	a = answer{status: w.Code, header: w.Header(), body: w.Body.String()}
	_ = json.Unmarshal(w.Body.Bytes(), &a.fields)
	return a
}

func body(t testing.TB, members map[string]any) string {
	t.Helper()
	data, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func logIn(t testing.TB, s *Server, change map[string]any, headers ...string) answer {
	t.Helper()
	members := map[string]any{"username": user, "password": password, "tempoExpiracao": 60, "utilizacaoUnica": false}
	maps.Copy(members, change)
	return send(t, s, "POST", "/api/Autenticacao/Login", body(t, members), headers...)
}

func renew(t testing.TB, s *Server, from answer, headers ...string) answer {
	t.Helper()
	return send(t, s, "POST", "/api/Autenticacao/RefreshToken",
		body(t, map[string]any{"idUsuario": from.text("IdUsuario"), "username": user, "refreshToken": from.text("RefreshToken")}), headers...)
}

func list(t testing.TB, s *Server, token string) int {
	t.Helper()
	return send(t, s, "GET", "/api/Lista/GetListas", "", "Authorization", "Bearer "+token).status
}
