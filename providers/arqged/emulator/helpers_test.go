package emulator

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"
)

// timeLimited is a caller that waits half a minute.
func timeLimited(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), 30*time.Second)
}

// shape is a body without the parts that differ between calls.
func shape(a answer) string {
	text := regexp.MustCompile(`eyJ[^"\\]*`).ReplaceAllString(a.body, "JWT")
	return regexp.MustCompile(`[0-9]`).ReplaceAllString(text, "0")
}

// sendWithin makes one call that may get no answer.
func sendWithin(t testing.TB, s *Server, from answer, ctx context.Context, refresh bool) (a answer) {
	t.Helper()
	path := "/api/Autenticacao/Login"
	text := body(t, map[string]any{"username": user, "password": password, "tempoExpiracao": 60, "utilizacaoUnica": false})
	if refresh {
		path = "/api/Autenticacao/RefreshToken"
		text = body(t, map[string]any{"idUsuario": from.text("IdUsuario"), "username": user, "refreshToken": from.text("RefreshToken")})
	}
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(text))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("SubscriptionKey", key)
	w := httptest.NewRecorder()
	defer func() {
		if p := recover(); p != nil && p != http.ErrAbortHandler {
			panic(p)
		}
		a = answer{status: w.Code, header: w.Header(), body: w.Body.String()}
		_ = json.Unmarshal(w.Body.Bytes(), &a.fields)
	}()
	s.ServeHTTP(w, r)
	return a
}
