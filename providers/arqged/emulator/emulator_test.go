package emulator

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestLoginAnswersTheSevenFields(t *testing.T) {
	c := at()
	s := New(settings(), c.now)
	a := logIn(t, s, nil)
	names := slices.Sorted(maps.Keys(a.fields))
	if a.status != 201 || !slices.Equal(names, []string{"ExpiracaoRefreshToken", "ExpiracaoToken", "IdUsuario", "Login", "NomeUsuario", "RefreshToken", "Token"}) {
		t.Errorf("%d %q", a.status, names)
	}
	if a.text("ExpiracaoToken") != "2026-05-06T16:04:05Z" || len(strings.Split(a.text("Token"), ".")) != 3 || a.header.Get("Date") != "Wed, 06 May 2026 15:04:05 GMT" {
		t.Errorf("%s", a.body)
	}
	if list(t, s, a.text("Token")) != 200 || list(t, s, "x") != 401 {
		t.Error("the token is not the one that works")
	}
	c.at = c.at.Add(time.Hour)
	if s.Valid(a.text("Token")) || list(t, s, a.text("Token")) != 401 {
		t.Error("a token that is over works")
	}
	if v1 := send(t, s, "POST", "/v1/api/autenticacao/login", body(t, map[string]any{"username": strings.ToUpper(user), "password": password})); v1.status != 201 || v1.text("ExpiracaoToken") != "2026-05-11T16:04:05Z" {
		t.Errorf("with /v1 and without a life: %d %s", v1.status, v1.body)
	}
}

func TestWhoMayLogIn(t *testing.T) {
	for _, c := range []struct {
		what   string
		set    func(*Settings)
		change map[string]any
		status int
		failed int
	}{
		{"wrong password", func(*Settings) {}, map[string]any{"password": "x"}, 401, 1},
		{"unknown user", func(*Settings) {}, map[string]any{"username": "nobody"}, 401, 0},
		{"blocked", func(s *Settings) { s.Users[0].Blocked = true }, nil, 401, 1},
		{"another status", func(s *Settings) { s.RefusalStatus = 422 }, map[string]any{"password": "x"}, 422, 1},
		{"single use as text", func(*Settings) {}, map[string]any{"utilizacaoUnica": "False"}, 400, 0},
		{"single use as text is wanted", func(s *Settings) { s.SingleUseType = WantsString }, map[string]any{"utilizacaoUnica": "False"}, 201, 0},
		{"text is wanted, not a boolean", func(s *Settings) { s.SingleUseType = WantsString }, nil, 400, 0},
		{"either will do", func(s *Settings) { s.SingleUseType = TakesBoth }, map[string]any{"utilizacaoUnica": "True"}, 201, 0},
		{"minutes as text", func(*Settings) {}, map[string]any{"tempoExpiracao": "60"}, 400, 0},
		{"negative minutes", func(*Settings) {}, map[string]any{"tempoExpiracao": -1}, 201, 0},
		{"negative minutes, strictly", func(s *Settings) { s.Strict = true }, map[string]any{"tempoExpiracao": -1}, 400, 0},
		{"too many minutes, strictly", func(s *Settings) { s.Strict, s.MostMinutes = true, 59 }, nil, 400, 0},
	} {
		set := settings()
		c.set(&set)
		s := New(set, at().now)
		a := logIn(t, s, c.change)
		if a.status != c.status || s.Counts().FailedLogins[user] != c.failed {
			t.Errorf("%s: %d, %d failed logins", c.what, a.status, s.Counts().FailedLogins[user])
		}
	}
	s := New(settings(), nil)
	if a := send(t, s, "POST", "/api/Autenticacao/Login", "{"); a.status != 400 || a.header.Get("Content-Type") != "application/problem+json; charset=utf-8" {
		t.Errorf("malformed: %d", a.status)
	}
	s.Configure(func(s *Settings) { s.MalformedAs500 = true })
	if a := send(t, s, "POST", "/api/Autenticacao/Login", "{"); a.status != 500 {
		t.Errorf("malformed: %d", a.status)
	}
	if a := send(t, s, "POST", "/api/Autenticacao/Login", "{}", "Content-Type", "text/plain"); a.status != 415 {
		t.Errorf("no JSON: %d", a.status)
	}
	if a := send(t, s, "GET", "/api/Autenticacao/Login", ""); a.status != 404 || !strings.Contains(a.body, "Resource not found") {
		t.Errorf("GET: %d %s", a.status, a.body)
	}
}

func TestFormsOfARefusal(t *testing.T) {
	for form, want := range map[RefusalBody]string{Problem: `"traceId"`, EmptyBody: "", Sentence: `"Usu`, Mensagem: `{"Mensagem":`, PlainText: "Usu"} {
		set := settings()
		set.RefusalBody = form
		if a := logIn(t, New(set, nil), map[string]any{"password": "x"}); !strings.Contains(a.body, want) || want == "" && a.body != "" {
			t.Errorf("%q: %s", form, a.body)
		}
	}
}

func TestRotation(t *testing.T) {
	for _, c := range []struct {
		what   string
		set    func(*Settings)
		again  int // the same refresh token at once
		later  int // and two minutes later
		shown  int // spent tokens that were sent
		renews bool
	}{
		{"rotate", func(*Settings) {}, 401, 401, 2, true},
		{"grace", func(s *Settings) { s.Rotation = RotateWithGrace }, 201, 401, 2, true},
		{"none", func(s *Settings) { s.Rotation = NoRotation }, 201, 201, 0, true},
		{"left out", func(s *Settings) { s.KeepsRefreshToken = true }, 201, 201, 0, false},
	} {
		set, clock := settings(), at()
		c.set(&set)
		s := New(set, clock.now)
		first := logIn(t, s, nil)
		second := renew(t, s, first)
		if second.status != 201 || (second.text("RefreshToken") != "") != c.renews || second.text("Token") == first.text("Token") {
			t.Errorf("%s: %d %s", c.what, second.status, second.body)
		}
		if got := renew(t, s, first).status; got != c.again {
			t.Errorf("%s: again: got %d, want %d", c.what, got, c.again)
		}
		clock.at = clock.at.Add(2 * time.Minute)
		if got := renew(t, s, first).status; got != c.later {
			t.Errorf("%s: later: got %d, want %d", c.what, got, c.later)
		}
		if got := s.Counts().SpentShown; got != c.shown {
			t.Errorf("%s: %d spent tokens shown", c.what, got)
		}
		clock.at = clock.at.Add(31 * 24 * time.Hour)
		if renew(t, s, logIn(t, s, nil)).status != 201 || renew(t, s, second).status != 401 {
			t.Errorf("%s: the end of a refresh token", c.what)
		}
	}
}

func TestWhoseRefreshTokenItIs(t *testing.T) {
	set := settings()
	set.Unlimited = true
	s := New(set, at().now)
	first := logIn(t, s, nil)
	refresh := func(id, name, token string) int {
		return send(t, s, "POST", "/api/Autenticacao/RefreshToken", body(t, map[string]any{"idUsuario": id, "username": name, "refreshToken": token})).status
	}
	id, token := first.text("IdUsuario"), first.text("RefreshToken")
	for _, got := range []int{refresh("x", user, token), refresh(id, "outro", token), refresh(id, "nobody", token), refresh(id, user, "x")} {
		if got != 401 {
			t.Errorf("malformed refresh: got %d, want %d", got, 401)
		}
	}
	if got := refresh(strings.ToUpper(id), strings.ToUpper(user), token); got != 201 {
		t.Errorf("user name in upper case: got %d, want %d", got, 201)
	}
	if s.Counts().SpentShown != 0 {
		t.Error("counted as spent")
	}
}

func TestWhatTheManualLeavesOpen(t *testing.T) {
	clock := at()
	open := func(change func(*Settings)) *Server {
		set := settings()
		change(&set)
		return New(set, clock.now)
	}
	s := open(func(s *Settings) { s.ReuseKills = true })
	a := logIn(t, s, nil)
	b := renew(t, s, a)
	if renew(t, s, a).status != 401 || renew(t, s, b).status != 401 || s.Valid(b.text("Token")) {
		t.Error("a reuse kills nothing")
	}
	s = open(func(s *Settings) { s.RefreshNeedsBearer = true })
	a = logIn(t, s, nil)
	if renew(t, s, a).status != 401 || renew(t, s, a, "Authorization", "Bearer "+a.text("Token")).status != 201 {
		t.Error("a refresh with and without a bearer")
	}
	s = open(func(s *Settings) { s.RefreshFallsBack = true })
	if b := renew(t, s, logIn(t, s, nil)); b.text("ExpiracaoToken") != "2026-05-11T15:04:05Z" {
		t.Errorf("a refresh gives %s", b.text("ExpiracaoToken"))
	}
	s = open(func(s *Settings) { s.MostMinutes = 30 })
	if a := logIn(t, s, nil); a.text("ExpiracaoToken") != "2026-05-06T15:34:05Z" {
		t.Errorf("a ceiling gives %s", a.text("ExpiracaoToken"))
	}
	s = open(func(s *Settings) { s.Minute = time.Second })
	if a := logIn(t, s, nil); a.text("ExpiracaoToken") != "2026-05-06T15:05:05Z" {
		t.Errorf("short minutes give %s", a.text("ExpiracaoToken"))
	}
	for _, one := range []func(*Settings){func(s *Settings) { s.OneLogin = true }, func(s *Settings) { s.SingleUse = OneAlive }} {
		s = open(one)
		a, b = logIn(t, s, map[string]any{"utilizacaoUnica": true}), logIn(t, s, map[string]any{"utilizacaoUnica": true})
		if s.Valid(a.text("Token")) || !s.Valid(b.text("Token")) {
			t.Error("two logins live")
		}
	}
	s = open(func(s *Settings) { s.SingleUse = FirstUse })
	a = logIn(t, s, map[string]any{"utilizacaoUnica": true})
	if list(t, s, a.text("Token")) != 200 || list(t, s, a.text("Token")) != 401 {
		t.Error("a single use is not one")
	}
	s = open(func(s *Settings) { s.CamelCase, s.Opaque, s.Status = true, true, 200 })
	if a := logIn(t, s, nil); a.status != 200 || a.text("token") == "" || strings.Contains(a.text("token"), ".") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestDates(t *testing.T) {
	for _, c := range []struct {
		form DateForm
		zone DateZone
		want string
	}{
		{ISO, SaysUTC, `"2026-05-06T16:04:05Z"`},
		{ISO, SaysOffset, `"2026-05-06T13:04:05-03:00"`},
		{ISO, HidesUTC, `"2026-05-06T16:04:05"`},
		{ISO, HidesOffset, `"2026-05-06T13:04:05"`},
		{ISOFraction, HidesUTC, `"2026-05-06T16:04:05.0000000"`},
		{ISOBlank, SaysUTC, `"2026-05-06 16:04:05Z"`},
		{Brazilian, HidesOffset, `"06/05/2026 13:04:05"`},
		{Invariant, HidesUTC, `"05/06/2026 16:04:05"`},
		{American, HidesUTC, `"5/6/2026 4:04:05 PM"`},
		{AmericanNNB, HidesUTC, "\"5/6/2026 4:04:05\u202fPM\""},
		{AmericanGlu, HidesUTC, `"5/6/2026 4:04:05PM"`},
		{RFC1123, HidesOffset, `"Wed, 06 May 2026 16:04:05 GMT"`},
		{DotNet, HidesOffset, `"/Date(1778083445000)/"`},
		{DotNetZone, SaysOffset, `"/Date(1778083445000-0300)/"`},
		{Seconds, HidesOffset, `1778083445`},
		{Millis, SaysUTC, `1778083445000`},
		{SecondsText, SaysUTC, `"1778083445"`},
		{MillisText, SaysUTC, `"1778083445000"`},
		{YearOne, SaysUTC, `"0001-01-01T00:00:00"`},
		{NoDate, SaysUTC, `""`},
		{NullDate, SaysUTC, `null`},
		{Nonsense, SaysUTC, `"em breve"`},
	} {
		set := settings()
		set.Dates, set.Zone = c.form, c.zone
		a := logIn(t, New(set, at().now), nil)
		if !strings.Contains(a.body, `"ExpiracaoToken":`+c.want+`,`) {
			t.Errorf("%s %s: %s", c.form, c.zone, a.body)
		}
	}
}

func TestGateway(t *testing.T) {
	clock := at()
	set := settings()
	set.NextKeys, set.KeysChangeAt = []string{"key-2", "key-3"}, clock.at.Add(time.Hour)
	s := New(set, clock.now)
	for _, c := range []struct {
		key     string
		status  int
		message string
	}{{key, 201, ""}, {"key-2", 201, ""}, {"key-3", 401, "invalid subscription key"}, {"", 401, "missing subscription key"}} {
		if a := logIn(t, s, nil, "SubscriptionKey", c.key); a.status != c.status || !strings.Contains(a.text("message"), c.message) {
			t.Errorf("key %q: %d %s", c.key, a.status, a.body)
		}
	}
	clock.at = clock.at.Add(time.Hour)
	for key, want := range map[string]int{key: 401, "key-2": 201, "key-3": 201} {
		if a := logIn(t, s, nil, "SubscriptionKey", key); a.status != want {
			t.Errorf("key %q after the change: got %d, want %d", key, a.status, want)
		}
	}
	if got := s.Counts().KeysRefused; got != 3 {
		t.Errorf("%d keys refused", got)
	}
}

func TestBudget(t *testing.T) {
	clock := at()
	s := New(settings(), clock.now)
	for i := range 5 {
		if a := logIn(t, s, nil); (a.status == 429) != (i == 4) {
			t.Errorf("call %d: %d", i+1, a.status)
		}
	}
	accepted := 4
	for range 3600 {
		clock.at = clock.at.Add(time.Second)
		for range 4 {
			if logIn(t, s, nil).status == 201 {
				accepted++
			}
		}
	}
	if accepted > 2400+4 || accepted < 2396 {
		t.Errorf("%d calls within an hour", accepted)
	}
	a := logIn(t, s, nil)
	if a.header.Get("Retry-After") == "" && a.status == 429 {
		t.Error("no Retry-After")
	}
	s.Configure(func(s *Settings) { s.Unlimited = true })
	if logIn(t, s, nil).status != 201 {
		t.Error("got a budget, want none")
	}
}

func TestSilenceBeyondTheBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := settings()
		set.Silence = true
		s := New(set, nil)
		for range 4 {
			logIn(t, s, nil)
		}
		r := httptest.NewRequest("POST", "/api/Autenticacao/Login", nil)
		r.Header.Set("SubscriptionKey", key)
		done := make(chan struct{})
		ctx, cancel := timeLimited(t)
		defer cancel()
		go func() { defer close(done); s.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx)) }()
		synctest.Wait()
		select {
		case <-done:
			t.Error("an answer")
		default:
		}
		<-done
	})
}

// TestEveryFault sets each fault once: it changes one answer, and no more.
func TestEveryFault(t *testing.T) {
	for _, f := range New(settings(), nil).Faults() {
		t.Run(f.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if f.Help == "" {
					t.Error("no line of help")
				}
				s := New(settings(), nil)
				plain := logIn(t, s, nil)
				first := logIn(t, s, nil)
				ctx, cancel := timeLimited(t)
				defer cancel()
				if err := s.SetFault(f.Name, 1); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				got := sendWithin(t, s, first, ctx, f.Name == "refresh-refused")
				if got.status == plain.status && shape(got) == shape(plain) && time.Since(began) == 0 && got.header.Get("Date") == plain.header.Get("Date") {
					t.Errorf("the fault changes nothing: %s", got.body)
				}
				time.Sleep(time.Minute)
				if a := logIn(t, s, nil); a.status != 201 {
					t.Errorf("after the fault: got %d, want %d", a.status, 201)
				}
				// A request may select it too.
				if f.Name != "refresh-refused" && f.Name != "hang" && f.Name != "hang-after" && f.Name != "slow" && f.Name != "drip" {
					chosen := logIn(t, s, nil, "X-Emulate", f.Name)
					if chosen.status == 201 && chosen.header.Get("Date") == time.Now().UTC().Format(http.TimeFormat) && shape(chosen) == shape(plain) {
						t.Errorf("a request cannot choose it: %s", chosen.body)
					}
				}
			})
		})
	}
	s := New(settings(), nil)
	if s.SetFault("nonsense", 1) == nil || logIn(t, s, nil, "X-Emulate", "nonsense").status != 400 {
		t.Error("SetFault accepted an unknown fault, want an error")
	}
	if err := s.SetFault("quota", -1); err != nil || logIn(t, s, nil).status != 403 || logIn(t, s, nil).status != 403 {
		t.Error("a fault for good")
	}
	if err := s.SetFault("quota", 0); err != nil || logIn(t, s, nil).status != 201 {
		t.Error("a fault that was cleared")
	}
	_ = s.SetFault("quota", -1)
	_ = s.SetFault("not-found", -1)
	if err := s.SetFault("", 0); err != nil || logIn(t, s, nil).status != 201 {
		t.Error("faults that were cleared")
	}
	if a := send(t, s, "POST", "/emulate/quota/api/Autenticacao/Login", "{}"); a.status != 403 {
		t.Errorf("a fault in the path: %d", a.status)
	}
	if a := send(t, s, "POST", "/api/Autenticacao/Login?emulate=quota", "{}"); a.status != 403 {
		t.Errorf("a fault in the query: %d", a.status)
	}
}

// TestALostAnswerHasTakenEffect: the fault really loses only the answer.
func TestALostAnswerHasTakenEffect(t *testing.T) {
	s := New(settings(), at().now)
	first := logIn(t, s, nil)
	_ = s.SetFault("lost-answer", 1)
	if a := renew(t, s, first); a.status != -1 {
		t.Errorf("status: got %d, want %d", a.status, -1)
	}
	if a := renew(t, s, first); a.status != 401 || s.Counts().SpentShown != 1 {
		t.Errorf("the refresh token is not spent: %d", a.status)
	}
	_ = s.SetFault("drop", 1)
	second := logIn(t, s, nil)
	if second.status != -1 {
		t.Errorf("status: got %d, want %d", second.status, -1)
	}
	if s.Counts().LoginsAccepted != 1 {
		t.Error("drop took effect")
	}
}
