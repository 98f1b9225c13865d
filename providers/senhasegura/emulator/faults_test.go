package emulator

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

var _ emulation.Emulator = (*Server)(nil)

func TestFaultAnswers(t *testing.T) {
	tests := map[string]struct {
		status int
		has    string // in the body
	}{
		"empty":                 {200, ""},
		"html":                  {200, "<html>"},
		"html-401":              {401, "<html>"},
		"html-403":              {403, "<html>"},
		"html-502":              {502, "<html>"},
		"redirect":              {302, "<html>"},
		"invalid-client":        {401, `"error":"invalid_client"`},
		"empty-401":             {401, ""},
		"access-denied":         {401, `"error":"access_denied"`},
		"ip-refused":            {401, `"error":"invalid_client"`},
		"forbidden":             {403, `"status":403`},
		"not-authorized":        {500, "You are not authorized to access this resource."},
		"unsupported-grant":     {400, "unsupported_grant_type"},
		"invalid-request":       {400, "`client_id`"},
		"invalid-scope":         {400, "invalid_scope"},
		"device-not-found":      {400, `"code":1011`},
		"envelope-error":        {200, `"error":true`},
		"kong-404":              {404, "no Route matched"},
		"sub-not-found":         {404, "Resource sub not found"},
		"server-error":          {500, "Unexpected error."},
		"bad-gateway":           {502, "invalid response was received"},
		"unavailable":           {503, "message"},
		"gateway-timeout":       {504, "timing out"},
		"throttled":             {429, "message"},
		"throttled-retry-after": {429, "message"},
		"throttled-bare":        {429, "message"},
		"invalid-signature":     {401, "Invalid signature"},
		"expires-in-string":     {200, `"expires_in":"3600"`},
		"expires-in-absent":     {200, `{"token_type":"Bearer","access_token"`},
		"expires-in-zero":       {200, `"expires_in":0`},
		"expires-in-negative":   {200, `"expires_in":-5`},
		"expires-in-century":    {200, `"expires_in":3153600000`},
		"token-type-lower":      {200, `"token_type":"bearer"`},
		"token-type-mac":        {200, `"token_type":"mac"`},
		"token-opaque":          {200, `"token_type":"Bearer"`},
		"token-empty":           {200, `"access_token":""`},
		"token-injects":         {200, `\r\n`},
		"clock-ahead":           {200, "access_token"},
		"clock-behind":          {200, "access_token"},
	}
	// These are not whole JSON, or not whole answers, and have their own tests.
	others := map[string]bool{"hang": true, "drop": true, "cut": true, "drip": true, "slow": true, "garbage": true, "truncated": true, "huge": true}
	s, _ := newVault(t, nil)
	for _, f := range s.Faults() {
		if f.Help == "" {
			t.Errorf("fault %s has no help", f.Name)
		}
		want, ok := tests[f.Name]
		if !ok {
			if !others[f.Name] {
				t.Errorf("fault %s has no test", f.Name)
			}
			continue
		}
		if err := s.SetFault(f.Name, 1); err != nil {
			t.Fatal(err)
		}
		a := send(t, s, post("/iso/oauth2/token", goodForm))
		if a.status != want.status || !strings.Contains(a.body, want.has) || want.has == "" && a.body != "" {
			t.Errorf("%s: %d %q, want %d with %q", f.Name, a.status, a.body, want.status, want.has)
		}
		if a := send(t, s, post("/iso/oauth2/token", goodForm)); a.status != 200 || !strings.Contains(a.body, `"expires_in":3600`) {
			t.Errorf("%s: the next request is answered %d %s", f.Name, a.status, a.body)
		}
	}
}

func TestFaultHeaders(t *testing.T) {
	s, _ := newVault(t, nil)
	header := func(fault string) http.Header {
		t.Helper()
		if err := s.SetFault(fault, 1); err != nil {
			t.Fatal(err)
		}
		return send(t, s, post("/iso/oauth2/token", goodForm)).header
	}
	if got := header("throttled").Get("X-RateLimit-Reset"); got != "1772366430" { // start + 30 s
		t.Errorf("X-RateLimit-Reset %q", got)
	}
	for _, fault := range []string{"throttled-retry-after", "unavailable"} {
		if got := header(fault).Get("Retry-After"); got != "30" {
			t.Errorf("%s: Retry-After: got %q, want %q", fault, got, "30")
		}
	}
	if got := header("clock-behind").Get("Date"); got != start.Add(-time.Hour).Format(http.TimeFormat) {
		t.Errorf("Date %q", got)
	}
	if got := header("redirect").Get("Location"); !strings.HasPrefix(got, "/login") {
		t.Errorf("Location %q", got)
	}
}

func TestFaultsThatAreNoJSON(t *testing.T) {
	s, _ := newVault(t, nil)
	for fault, size := range map[string]int{"garbage": 4, "truncated": 64, "huge": 8 << 20} {
		if err := s.SetFault(fault, 1); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		s.ServeHTTP(w, post("/iso/oauth2/token", goodForm))
		if w.Code != 200 || w.Body.Len() < size-10 {
			t.Errorf("%s: %d with %d bytes", fault, w.Code, w.Body.Len())
		}
	}
}

func TestSetFaultCountsAndClears(t *testing.T) {
	s, _ := newVault(t, nil)
	if err := s.SetFault("no-such-fault", 1); err == nil {
		t.Error("an unknown fault is accepted")
	}
	status := func() int { return send(t, s, post("/iso/oauth2/token", goodForm)).status }
	_ = s.SetFault("kong-404", 2)
	_ = s.SetFault("forbidden", -1)
	if a, b, c, d := status(), status(), status(), status(); a != 403 || b != 403 || c != 403 || d != 403 {
		t.Errorf("%d %d %d %d, want the fault that stays, which is first in the list", a, b, c, d)
	}
	_ = s.SetFault("forbidden", 0)
	if a, b, c := status(), status(), status(); a != 404 || b != 404 || c != 200 {
		t.Errorf("%d %d %d, want two 404 and then 200", a, b, c)
	}
	_ = s.SetFault("kong-404", -1)
	_ = s.SetFault("", 0)
	if got := status(); got != 200 {
		t.Errorf("%d after all were cleared", got)
	}
}

func TestFaultChosenByTheRequest(t *testing.T) {
	s, _ := newVault(t, nil)
	header := post("/iso/oauth2/token", goodForm)
	header.Header.Set("X-Emulate", "throttled")
	unknown := post("/iso/oauth2/token", goodForm)
	unknown.Header.Set("X-Emulate", "no-such-fault")
	for name, tt := range map[string]struct {
		r      *http.Request
		status int
		has    string
	}{
		"path":           {post("/emulate/throttled/iso/oauth2/token", goodForm), 429, ""},
		"path, a change": {post("/emulate/expires-in-zero/iso/oauth2/token", goodForm), 200, `"expires_in":0`},
		"header":         {header, 429, ""},
		"parameter":      {post("/iso/oauth2/token?emulate=forbidden", goodForm), 403, ""},
		"none":           {post("/iso/oauth2/token", goodForm), 200, `"expires_in":3600`},
		"unknown":        {unknown, 400, "no fault"},
		"unknown path":   {post("/emulate/x/iso/oauth2/token", goodForm), 400, "no fault"},
	} {
		if a := send(t, s, tt.r); a.status != tt.status || !strings.Contains(a.body, tt.has) {
			t.Errorf("%s: %d %s, want %d with %q", name, a.status, a.body, tt.status, tt.has)
		}
	}
}

// TestCutsOverTheWire needs a real connection: a recorder shows no cut.
func TestCutsOverTheWire(t *testing.T) {
	s, _ := newVault(t, nil)
	server := httptest.NewServer(s)
	defer server.Close()
	call := func(fault string) (string, error) {
		t.Helper()
		if err := s.SetFault(fault, 1); err != nil {
			t.Fatal(err)
		}
		resp, err := http.PostForm(server.URL+"/iso/oauth2/token", nil)
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		return string(body), err
	}
	if body, err := call("drop"); err == nil {
		t.Errorf("drop: an answer %q", body)
	}
	if body, err := call("cut"); err == nil || body == "" {
		t.Errorf("cut: %q, %v, want a part and an error", body, err)
	}
}

func TestSlowFaultsEndWithTheCaller(t *testing.T) {
	for _, fault := range []string{"hang", "drip", "slow"} {
		synctest.Test(t, func(t *testing.T) {
			s, _ := newVault(t, nil)
			if err := s.SetFault(fault, 1); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			began := time.Now()
			w := httptest.NewRecorder()
			s.ServeHTTP(w, post("/iso/oauth2/token", goodForm).WithContext(ctx))
			if took := time.Since(began); took != time.Second {
				t.Errorf("%s: took %v, want until the caller left", fault, took)
			}
			if strings.Contains(w.Body.String(), "{") {
				t.Errorf("%s: answered %q", fault, w.Body)
			}
		})
	}
}

func TestLatencyDelaysAndEndsWithTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := newVault(t, func(s *Settings) { s.Latency = 300 * time.Millisecond })
		began := time.Now()
		if a := send(t, s, post("/iso/oauth2/token", "")); a.status != 400 || time.Since(began) != 300*time.Millisecond {
			t.Errorf("%d after %v", a.status, time.Since(began))
		}
		ctx, stop := context.WithTimeout(t.Context(), time.Millisecond)
		defer stop()
		w := httptest.NewRecorder()
		s.ServeHTTP(w, post("/iso/oauth2/token", goodForm).WithContext(ctx))
		if w.Body.Len() > 0 {
			t.Errorf("answered a caller who left: %s", w.Body)
		}
	})
}

func TestConcurrentUse(t *testing.T) {
	s, _ := newVault(t, func(s *Settings) { s.Opaque = true })
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			for range 20 {
				w := httptest.NewRecorder()
				s.ServeHTTP(w, post("/iso/oauth2/token", goodForm))
				_ = s.SetFault("kong-404", 1)
				s.Configure(func(s *Settings) { s.Lifetime += time.Second })
				_ = s.Counts()
			}
		})
	}
	wg.Wait()
	if c := s.Counts(); c.TokenRequests != 400 {
		t.Errorf("counts %+v", c)
	}
}
