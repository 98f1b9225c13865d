package emulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// The authorizations of the tests.
const (
	testID     = "3ca8a98d907543812334f7f5dbafca6505e3319fb"
	testSecret = "00112233445566778899aabbccddeeff"

	testConsumerKey    = "000000000a1b2c3d4e5f60718293a4b5c6d7e8f90"
	testConsumerSecret = "00112233445566778899aabbccddeeff"
	testTokenKey       = "fffffffff0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	testTokenSecret    = "ffeeddccbbaa99887766554433221100"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that only a test sets.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func newVault(t testing.TB, change func(*Settings)) (*Server, *clock) {
	t.Helper()
	s := Settings{Applications: []Application{
		{Name: "loja", ClientID: testID, ClientSecret: testSecret},
		{Name: "legado", ConsumerKey: testConsumerKey, ConsumerSecret: testConsumerSecret, TokenKey: testTokenKey, TokenSecret: testTokenSecret},
	}}
	if change != nil {
		change(&s)
	}
	c := &clock{start}
	return New(s, c.Now), c
}

// answer is one answer, decoded if it is JSON.
type answer struct {
	status int
	header http.Header
	body   string
	json   map[string]any
}

func (a answer) text(key string) string { s, _ := a.json[key].(string); return s }

func send(t testing.TB, s http.Handler, r *http.Request) answer {
	t.Helper()
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r.WithContext(t.Context()))
	a := answer{status: w.Code, header: w.Result().Header, body: w.Body.String()}
	if strings.HasPrefix(a.header.Get("Content-Type"), "application/json") && a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &a.json); err != nil {
			t.Fatalf("the answer %q is no JSON: %v", a.body, err)
		}
	}
	return a
}

func post(path, form string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://vault.example"+path, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return r
}

func get(path, authorization string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "https://vault.example"+path, nil)
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

const goodForm = "grant_type=client_credentials&client_id=" + testID + "&client_secret=" + testSecret

func TestTokenDecisionTable(t *testing.T) {
	tests := []struct {
		name          string
		change        func(*Settings)
		form          string
		authorization string
		status        int
		error         string
	}{
		{"body", nil, goodForm, "", 200, ""},
		{"basic", nil, "grant_type=client_credentials", basic(testID, testSecret), 200, ""},
		{"basic in lower case", nil, "grant_type=client_credentials", strings.Replace(basic(testID, testSecret), "Basic", "basic", 1), 200, ""},
		{"both are trimmed", nil, "grant_type=client_credentials", basic(" "+testID+" ", " "+testSecret+"\n"), 200, ""},
		{"body beats basic", nil, goodForm, basic(testID, "wrong"), 200, ""},
		{"wrong body beats right basic", nil, "grant_type=client_credentials&client_secret=wrong", basic(testID, testSecret), 401, "invalid_client"},
		{
			"basic is not decoded as a form", func(s *Settings) { s.Applications[0].ClientSecret = "a+b=" },
			"grant_type=client_credentials", basic(testID, url.QueryEscape("a+b=")), 401, "invalid_client",
		},
		{
			"basic is cut at the first colon", func(s *Settings) { s.Applications[0].ClientSecret = "s3cr+et:x" },
			"grant_type=client_credentials", basic(testID, "s3cr+et:x"), 200, "",
		},
		{"no grant type", nil, "client_id=" + testID, "", 400, "unsupported_grant_type"},
		{"other grant type", nil, "grant_type=password", "", 400, "unsupported_grant_type"},
		{"no client id", nil, "grant_type=client_credentials", "", 400, "invalid_request"},
		{"broken basic", nil, "grant_type=client_credentials", "Basic %%%", 400, "invalid_request"},
		{"no secret", nil, "grant_type=client_credentials&client_id=" + testID, "", 400, "invalid_request"},
		{"no secret, old library", func(s *Settings) { s.Profile = League6 }, "grant_type=client_credentials&client_id=" + testID, "", 401, "invalid_client"},
		{"unknown id", nil, strings.Replace(goodForm, testID, "x", 1), "", 401, "invalid_client"},
		{"wrong secret", nil, goodForm + "x", "", 401, "invalid_client"},
		{"disabled", func(s *Settings) { s.Applications[0].Disabled = true }, goodForm, "", 401, "invalid_client"},
		{"authorization expired", func(s *Settings) { s.Applications[0].ExpiresAt = start }, goodForm, "", 401, "invalid_client"},
		{"authorization about to expire", func(s *Settings) { s.Applications[0].ExpiresAt = start.Add(time.Second) }, goodForm, "", 200, ""},
		{"address not allowed", func(s *Settings) { s.Applications[0].Addresses = []string{"10.0.0.1"} }, goodForm, "", 401, "invalid_client"},
		{"address allowed", func(s *Settings) { s.Applications[0].Addresses = []string{"10.0.0.1", "192.0.2.1"} }, goodForm, "", 200, ""},
		{"any address", func(s *Settings) { s.Applications[0].Addresses = []string{"*"} }, goodForm, "", 200, ""},
		{"referer not allowed", func(s *Settings) { s.Applications[0].Referers = []string{"https://erp.example"} }, goodForm, "", 401, "invalid_client"},
		{"refused as forbidden", func(s *Settings) { s.Applications[0].Addresses = []string{"x"}; s.Refusal = RefuseAsForbidden }, goodForm, "", 403, ""},
		{"client certificate wanted", func(s *Settings) { s.RequireClientCertificate = true }, goodForm, "", 400, ""},
		{"secret rotated", func(s *Settings) { s.Applications[0].NextSecret, s.Applications[0].RotatesAt = "new", start }, goodForm, "", 401, "invalid_client"},
		{"secret not rotated yet", func(s *Settings) { s.Applications[0].NextSecret, s.Applications[0].RotatesAt = "new", start.Add(1) }, goodForm, "", 200, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := newVault(t, tt.change)
			for _, path := range []string{"/iso/oauth2/token", "/api/oauth2/token"} {
				r := post(path, tt.form)
				if tt.authorization != "" {
					r.Header.Set("Authorization", tt.authorization)
				}
				a := send(t, s, r)
				if a.status != tt.status || a.text("error") != tt.error {
					t.Errorf("%s: %d %q, want %d %q", path, a.status, a.text("error"), tt.status, tt.error)
				}
				if www := a.header.Get("WWW-Authenticate"); (www != "") != (a.status == 401 && tt.authorization != "") {
					t.Errorf("%s: WWW-Authenticate %q with Authorization %q", path, www, tt.authorization)
				}
			}
			want := 0
			if tt.status == 200 {
				want = 2
			}
			if c := s.Counts(); c.TokensIssued != want || c.TokenRequests != 2 {
				t.Errorf("counts %+v, want 2 requests and %d tokens", c, want)
			}
		})
	}
}

func TestErrorBodiesByGeneration(t *testing.T) {
	for profile, want := range map[Profile][]string{
		League6: {"error", "hint", "message"},
		League8: {"error", "error_description", "hint", "message"},
		"":      {"error", "error_description", "hint", "message"},
		League9: {"error", "error_description", "hint"},
	} {
		s, _ := newVault(t, func(s *Settings) { s.Profile = profile })
		a := send(t, s, post("/iso/oauth2/token", "grant_type=x"))
		if len(a.json) != len(want) {
			t.Errorf("profile %q: %s, want exactly the fields %q", profile, a.body, want)
		}
		for _, field := range want {
			if a.text(field) == "" {
				t.Errorf("profile %q: %s has no %s", profile, a.body, field)
			}
		}
	}
}

func TestTokenAnswer(t *testing.T) {
	s, c := newVault(t, nil)
	a := send(t, s, post("/iso/oauth2/token", goodForm))
	if !strings.HasPrefix(a.body, `{"token_type":"Bearer","expires_in":3600,"access_token":"eyJ`) {
		t.Errorf("body %s, want the documented order", a.body)
	}
	claims := map[string]any{}
	parts := strings.Split(a.text("access_token"), ".")
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || json.Unmarshal(raw, &claims) != nil {
		t.Fatalf("the token is no JWT: %v", err)
	}
	if claims["aud"] != testID || claims["exp"] != float64(start.Unix()+3600) || claims["iat"] != float64(start.Unix()) || len(claims["jti"].(string)) != 80 {
		t.Errorf("claims %v", claims)
	}
	// A newer token does not end an older one.
	older := a.text("access_token")
	c.now = c.now.Add(time.Minute)
	newer := send(t, s, post("/iso/oauth2/token", goodForm)).text("access_token")
	if older == newer {
		t.Error("the same token twice")
	}
	for _, token := range []string{older, newer} {
		if a := send(t, s, get("/iso/pam/device", "Bearer "+token)); a.status != 200 {
			t.Errorf("valid token: got %d, want %d", a.status, 200)
		}
	}
	c.now = start.Add(time.Hour)
	if a := send(t, s, get("/api/pam/device", "Bearer "+older)); a.status != 401 || a.text("error") != "access_denied" {
		t.Errorf("a token that is over is answered %d %s", a.status, a.body)
	}
	if a := send(t, s, get("/api/pam/device", "Bearer "+newer)); a.status != 200 {
		t.Errorf("newer token: got %d, want %d", a.status, 200)
	}
	s.Configure(func(s *Settings) { s.Applications[0].Disabled = true })
	if a := send(t, s, get("/api/pam/device", "Bearer "+newer)); a.status != 401 {
		t.Errorf("token of a disabled application: got %d, want %d", a.status, 401)
	}
}

func TestTokenKnobs(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Settings)
		want   string
	}{
		{"a day", func(s *Settings) { s.Lifetime = 24 * time.Hour }, `"expires_in":86400,`},
		{"text", func(s *Settings) { s.ExpiresIn = AsString }, `"expires_in":"3600",`},
		{"zero", func(s *Settings) { s.ExpiresIn = AsZero }, `"expires_in":0,`},
		{"absent", func(s *Settings) { s.ExpiresIn = Absent }, `{"token_type":"Bearer","access_token"`},
		{"type", func(s *Settings) { s.TokenType = "bearer" }, `{"token_type":"bearer"`},
		{"ttl", func(s *Settings) { s.AcceptTTL = true }, `"expires_in":300,`},
		{"ttl not accepted", nil, `"expires_in":3600,`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _ := newVault(t, tt.change)
			if a := send(t, s, post("/iso/oauth2/token", goodForm+"&ttl=5")); !strings.Contains(a.body, tt.want) {
				t.Errorf("%s, want %s in it", a.body, tt.want)
			}
		})
	}
	s, _ := newVault(t, func(s *Settings) { s.Opaque = true })
	if a := send(t, s, post("/iso/oauth2/token", goodForm)); strings.Contains(a.text("access_token"), ".") || len(a.text("access_token")) < 40 {
		t.Errorf("%s, want an opaque token", a.body)
	}
	s, _ = newVault(t, func(s *Settings) { s.ClockOffset = time.Hour })
	if a := send(t, s, post("/iso/oauth2/token", goodForm)); a.header.Get("Date") != start.Add(time.Hour).Format(http.TimeFormat) {
		t.Errorf("Date %q, want an hour ahead", a.header.Get("Date"))
	}
}

func TestGatewayKnowsItsRoutesOnly(t *testing.T) {
	s, _ := newVault(t, nil)
	put := httptest.NewRequest(http.MethodPut, "https://vault.example/iso/oauth2/token", nil)
	for _, r := range []*http.Request{
		get("/iso/oauth2/token", ""), put, get("/", ""), post("/oauth2/token", goodForm), get("/iso/pam/device", ""),
		get("/iso/pam/device/1/2", "Bearer x"), get("/iso/pam/device/", "Bearer x"), get("/pam/device", "Bearer x"), get("/iso/pam/device", "Basic x"),
	} {
		a := send(t, s, r)
		if a.status != 404 || a.text("message") != "no Route matched with those values" {
			t.Errorf("%s %s: %d %s, want the gateway's 404", r.Method, r.URL.Path, a.status, a.body)
		}
	}
	if a := send(t, s, get("/iso/pam/device", "Bearer x")); a.status != 401 {
		t.Errorf("a wrong token is answered %d, want 401", a.status)
	}
}

func TestResources(t *testing.T) {
	s, _ := newVault(t, nil)
	bearer := "Bearer " + send(t, s, post("/iso/oauth2/token", goodForm)).text("access_token")
	tests := []struct {
		path   string
		status int
		code   float64
		has    string
		after  Counts
	}{
		{"/iso/pam/device", 200, 0, "devices", Counts{}},
		{"/api/pam/device/1", 200, 0, "device", Counts{}},
		{"/iso/pam/device/99", 400, 1011, "exception", Counts{}},
		{"/iso/pam/credential", 200, 0, "credentials", Counts{}},
		{"/iso/pam/credential/99", 400, 1007, "exception", Counts{}},
		{"/iso/pam/credential/7", 200, 0, "credential", Counts{PasswordReads: 1, Custody: 1}},
		{"/api/pam/credential/8", 200, 0, "credential", Counts{PasswordReads: 2, Custody: 2}},
		{"/iso/coe/senha/7", 200, 0, "senha", Counts{PasswordReads: 3, Custody: 2}},
		{"/iso/dapp/application", 200, 0, "application", Counts{PasswordReads: 3, Custody: 2, SecretReads: 1}},
	}
	for _, tt := range tests {
		a := send(t, s, get(tt.path, bearer))
		if a.status != tt.status || a.json[tt.has] == nil {
			t.Errorf("%s: %d %s, want %d with %s", tt.path, a.status, a.body, tt.status, tt.has)
			continue
		}
		response := a.json["response"].(map[string]any)
		if response["error"] != (tt.code > 0) || response["erro"] != (tt.code > 0) || response["error_code"] != tt.code || a.json["code"] != float64(tt.status) {
			t.Errorf("%s: envelope %s", tt.path, a.body)
		}
		got := s.Counts()
		if got.PasswordReads != tt.after.PasswordReads || got.Custody != tt.after.Custody || got.SecretReads != tt.after.SecretReads {
			t.Errorf("%s: counts %+v, want %+v", tt.path, got, tt.after)
		}
		if got.Forbidden() != tt.after.Forbidden() {
			t.Errorf("%s: Forbidden = %d", tt.path, got.Forbidden())
		}
	}
	release := httptest.NewRequest(http.MethodDelete, "https://vault.example/iso/pam/credential/custody/7", nil)
	release.Header.Set("Authorization", bearer)
	if a := send(t, s, release); a.status != 200 {
		t.Errorf("release of a held credential: got %d, want %d", a.status, 200)
	}
	if a := send(t, s, release); a.status != 400 || a.json["exception"].(map[string]any)["code"] != 1018.0 {
		t.Errorf("release of a free credential: %d %s", a.status, a.body)
	}
}

func TestAuthorizationOfResources(t *testing.T) {
	s, _ := newVault(t, func(s *Settings) {
		s.Applications[0].Resources = []string{"pam"}
		s.CheckAddressOnUse = true
	})
	bearer := "Bearer " + send(t, s, post("/iso/oauth2/token", goodForm)).text("access_token")
	if a := send(t, s, get("/iso/pam/device", bearer)); a.status != 200 {
		t.Errorf("allowed resource: got %d, want %d", a.status, 200)
	}
	a := send(t, s, get("/iso/dapp/application", bearer))
	if a.status != 500 || !strings.Contains(a.body, "You are not authorized to access this resource.") || s.Counts().SecretReads != 0 {
		t.Errorf("a resource that is not allowed is answered %d %s", a.status, a.body)
	}
	s.Configure(func(s *Settings) { s.Applications[0].Addresses = []string{"10.0.0.1"}; s.Refusal = RefuseAsPage })
	if a := send(t, s, get("/iso/pam/device", bearer)); a.status != 403 || !strings.Contains(a.body, "<html>") {
		t.Errorf("another address is answered %d %s", a.status, a.body)
	}
}

func TestCountsSecretsInQueryAndBothMethods(t *testing.T) {
	s, _ := newVault(t, nil)
	send(t, s, post("/iso/oauth2/token?client_secret=x", goodForm))
	both := post("/iso/oauth2/token", goodForm)
	both.Header.Set("Authorization", basic(testID, testSecret))
	send(t, s, both)
	if c := s.Counts(); c.SecretsInQuery != 1 || c.BothAuthMethods != 1 || c.Requests != 2 {
		t.Errorf("counts %+v", c)
	}
}
