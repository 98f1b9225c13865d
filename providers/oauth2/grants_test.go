package oauth2

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

const refreshGrant = "grant = \"refresh_token\"\nscope = \"a\"\n"

// strict is a server with the client of the tests.
func strict(t testing.TB) *stage {
	t.Helper()
	return serve(t, emulator.Settings{
		Clients: []emulator.Client{{ID: testID, Secret: testSecret}},
		Users:   []emulator.User{{Name: "ana", Password: testPassword}},
	})
}

func seeded(token string) credential.Credential {
	return credential.Credential{
		Generation: 1, Values: map[string]credential.Secret{"access_token": credential.NewSecret("old")},
		Seed: map[string]credential.Secret{seedToken: credential.NewSecret(token)},
	}
}

func TestWithoutALoginNothingIsCalled(t *testing.T) {
	s := strict(t)
	f := refused(t, s.open(t, withSecret, refreshGrant), credential.Request{})
	if f.Reason != credential.ReasonRejected || !strings.Contains(f.Message, "vigente login c") {
		t.Errorf("%s: %s", f.Reason, f.Message)
	}
	if n := s.Counts(); n.Requests != 0 {
		t.Errorf("%d calls", n.Requests)
	}
}

func TestRefreshTokensAreShownOnce(t *testing.T) {
	s := strict(t)
	b := s.open(t, withSecret, refreshGrant)
	c := seeded(s.Seed(testID, "a"))
	for range 5 {
		if !b.Source.(credential.Spender).Spends(c) {
			t.Fatal("a refresh token that works once spends nothing")
		}
		c = obtain(t, b, credential.Request{Previous: c})
	}
	if n := s.Counts(); n.Refreshes != 5 || n.Reused != 0 {
		t.Errorf("the server saw %+v", n)
	}
}

func TestAnAnswerWithoutARefreshTokenKeepsTheOldOne(t *testing.T) {
	s := serve(t, emulator.Settings{Clients: []emulator.Client{{ID: testID, Secret: testSecret}}, Rotation: emulator.Keep})
	b := s.open(t, withSecret+"refresh_lifetime = \"30d\"\n", refreshGrant)
	seed := s.Seed(testID, "a")
	first := obtain(t, b, credential.Request{Previous: seeded(seed)})
	second := obtain(t, b, credential.Request{Previous: first})
	if got := second.Seed[seedToken].Reveal(); got != seed {
		t.Errorf("the refresh token is %q, want the old one", got)
	}
}

func TestALostAnswerIsSaid(t *testing.T) {
	for _, fault := range []string{"lost-answer", "cut", "gateway-504", "gateway-502", "token-absent", "empty"} {
		s := strict(t)
		b := s.open(t, withSecret, refreshGrant)
		if err := s.SetFault(fault, 1); err != nil {
			t.Fatal(err)
		}
		f := refused(t, b, credential.Request{Previous: seeded(s.Seed(testID, "a"))})
		if !f.Lost || f.SeedSpent || !strings.Contains(f.Message, "--force") {
			t.Errorf("%s: lost %v, spent %v: %s", fault, f.Lost, f.SeedSpent, f.Message)
		}
	}
}

func TestWhatDoesNotReachTheServerLosesNothing(t *testing.T) {
	for _, fault := range []string{"unavailable", "server-error", "throttled", "slow-down", "invalid-client", "page-401", "redirect"} {
		s := strict(t)
		b := s.open(t, withSecret, refreshGrant)
		if err := s.SetFault(fault, 1); err != nil {
			t.Fatal(err)
		}
		if f := refused(t, b, credential.Request{Previous: seeded(s.Seed(testID, "a"))}); f.Lost || f.SeedSpent {
			t.Errorf("%s: lost %v, spent %v: %s", fault, f.Lost, f.SeedSpent, f.Message)
		}
	}
}

func TestARefusedRefreshTokenIsForgotten(t *testing.T) {
	s := strict(t)
	f := refused(t, s.open(t, withSecret, refreshGrant), credential.Request{Previous: seeded("another")})
	if f.Reason != credential.ReasonRejected || !f.SeedSpent || f.Code != "invalid_grant" || !strings.Contains(f.Message, "vigente login c") {
		t.Errorf("%s %s spent %v: %s", f.Reason, f.Code, f.SeedSpent, f.Message)
	}
}

const passwordGrant = "grant = \"password\"\nscope = \"a\"\nusername = \"ana\"\npassword = { file = \"{dir}/password\" }\n"

func TestAPasswordIsTheWayInAfterARefusal(t *testing.T) {
	s := strict(t)
	b := s.open(t, withSecret, passwordGrant)
	first := obtain(t, b, credential.Request{})
	second := obtain(t, b, credential.Request{Previous: first})
	if n := s.Counts(); n.Refreshes != 1 {
		t.Errorf("%d refreshes, want the second token by one", n.Refreshes)
	}
	third := obtain(t, b, credential.Request{Previous: seeded("another")})
	if first.SameValues(second) || second.SameValues(third) {
		t.Error("a renewal brought nothing new")
	}
	if n := s.Counts(); n.TokenRequests != 4 {
		t.Errorf("%d calls, want a login after the refused refresh within one attempt", n.TokenRequests)
	}
}

func TestAPasswordIsTheWayInAfterALostAnswer(t *testing.T) {
	s := strict(t)
	b := s.open(t, withSecret, passwordGrant)
	first := obtain(t, b, credential.Request{})
	if err := s.SetFault("lost-answer", 1); err != nil {
		t.Fatal(err)
	}
	if f := refused(t, b, credential.Request{Previous: first}); !f.Lost || !f.SeedSpent {
		t.Errorf("lost %v, spent %v", f.Lost, f.SeedSpent)
	}
	obtain(t, b, credential.Request{Previous: first, Lost: true})
	if n := s.Counts(); n.Reused != 0 || n.Refreshes != 1 {
		t.Errorf("the server saw %+v", n)
	}
}

func TestAWrongPasswordNamesItsKeys(t *testing.T) {
	s := strict(t)
	s.write(t, "password", []byte("wrong"))
	f := refused(t, s.open(t, withSecret, passwordGrant), credential.Request{})
	if f.Reason != credential.ReasonRejected || !strings.Contains(f.Message, "password") || strings.Contains(f.Message, "vigente login") {
		t.Errorf("%s: %s", f.Reason, f.Message)
	}
}

func TestJWTBearer(t *testing.T) {
	public, _, text := pair(t, "rsa")
	s := serve(t, emulator.Settings{Clients: []emulator.Client{{ID: testID, Auth: "none", Key: public}}})
	s.write(t, "key.pem", text)
	b := s.open(t, `
		token_url = "{url}/token"
		client_id = "`+testID+`"
		client_auth = "none"
		key = { file = "{dir}/key.pem" }
		assertion = { claims = { sub = "robot@example", n = 3 } }
	`, "grant = \"urn:ietf:params:oauth:grant-type:jwt-bearer\"\nscope = \"a\"\n")
	obtain(t, b, credential.Request{})
	obtain(t, b, credential.Request{})
	if n := s.Counts(); n.TokensIssued != 2 {
		t.Errorf("the server saw %+v", n)
	}
}

func TestTokenExchangeShowsTheNewestToken(t *testing.T) {
	s := strict(t)
	other := obtain(t, s.open(t, withSecret, ""), credential.Request{})
	b := s.open(t, withSecret, "grant = \"urn:ietf:params:oauth:grant-type:token-exchange\"\nsubject = \"${other.access_token}\"\naudience = \"x\"\n")
	if len(b.Needs) != 1 || b.Needs[0] != "other" {
		t.Fatalf("it needs %q", b.Needs)
	}
	obtain(t, b, credential.Request{Inputs: credential.Set{"other": other}})
}

func TestExpiryOfEveryForm(t *testing.T) {
	at := time.Now()
	for fault, readable := range map[string]bool{
		"expires-in-string": true, "expires-in-fraction": true, "expires-at": true, "expires-on": true, "token-jwt": true,
		"text-plain": true, "clock-ahead": true, "expires-in-zero": false, "expires-in-unreadable": false,
	} {
		s := strict(t)
		if err := s.SetFault(fault, 1); err != nil {
			t.Fatal(err)
		}
		c := obtain(t, s.open(t, withSecret, ""), credential.Request{At: at})
		if readable != (c.UnreadEnd == "") {
			t.Errorf("%s: %q is said of the end", fault, c.UnreadEnd)
		}
		if life := c.ExpiresAt.Sub(at); readable && (life < 59*time.Minute || life > 61*time.Minute) {
			t.Errorf("%s: the life is %s", fault, life)
		}
	}
}

func TestAuthorizationIsAlwaysBearer(t *testing.T) {
	s := strict(t)
	if err := s.SetFault("token-type-lower", 1); err != nil {
		t.Fatal(err)
	}
	c := obtain(t, s.open(t, withSecret, `scope = "b a"`), credential.Request{})
	if want := "Bearer " + c.Values["access_token"].Reveal(); c.Values["authorization"].Reveal() != want {
		t.Errorf("got %q, want %q", c.Values["authorization"].Reveal(), want)
	}
	s.Configure(func(set *emulator.Settings) { set.WithoutScope = true })
	c = obtain(t, s.open(t, withSecret, `scope = "b a"`), credential.Request{})
	if got := c.Values["scope"].Reveal(); got != "b a" {
		t.Errorf("the scope is %q, want what was asked for", got)
	}
}

// TestFaultsOfTheConfiguration: a fault names the key and what was expected.
func TestFaultsOfTheConfiguration(t *testing.T) {
	t.Setenv("OAUTH2_SECRET", "x")
	const good = "token_url = \"https://login.example/token\"\nclient_id = \"a\"\nclient_secret = { env = \"OAUTH2_SECRET\" }\n"
	for _, c := range []struct{ provider, cred, key, says string }{
		{"client_id = \"a\"\nclient_secret = { env = \"OAUTH2_SECRET\" }\n", "", "token_url", "is missing"},
		{"token_url = \"http://login.example/token\"\nclient_id = \"a\"\nclient_secret = { env = \"OAUTH2_SECRET\" }\n", "", "token_url", "https"},
		{"token_url = \"https://login.example/token\"\nclient_id = \"a\"\n", "", "client_secret", "client_auth"},
		{good + `client_auth = "private_key_jwt"`, "", "key", "is missing"},
		{good + `rotation = "grace"`, "", "grace", "is missing"},
		{good + `grace = "3s"`, "", "grace", "is not used"},
		{good + `names = { acces_token = "x" }`, "", "names.acces_token", "access_token"},
		{good, `grant = "password"`, "password", "is missing"},
		{good, `grant = "authorization_code"`, "grant", "vigente login"},
		{good, `grant = "urn:ietf:params:oauth:grant-type:token-exchange"`, "subject", "is missing"},
		{good, `grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"`, "grant", "key"},
		{good, `password = { env = "OAUTH2_SECRET" }`, "password", "is not used"},
		{good, `params = { a = "${x" }`, "params.a", "not closed"},
		{good + `redirect_url = "nonsense"`, "", "redirect_url", "not a valid URL"},
	} {
		p, err := section.Parse("p", c.provider)
		if err != nil {
			t.Fatal(err)
		}
		cred, err := section.Parse("c", c.cred)
		if err != nil {
			t.Fatal(err)
		}
		open(p, liveEnv(t)).Bind(cred)
		found := false
		for _, f := range append(p.Finish(), cred.Finish()...) {
			found = found || strings.HasSuffix(f.Key, "."+c.key) && strings.Contains(f.Message, c.says)
		}
		if !found {
			t.Errorf("%q %q: %v %v, want %s %s", c.provider, c.cred, p.Finish(), cred.Finish(), c.key, c.says)
		}
	}
}

// TestTheLoginAfterARefusedRefreshTakesItsTurn logs in with the password in the
// same attempt, or in the next one if its turn does not come in time.
func TestTheLoginAfterARefusedRefreshTakesItsTurn(t *testing.T) {
	s := serve(t, emulator.Settings{
		Clients: []emulator.Client{{ID: testID, Secret: testSecret}}, Users: []emulator.User{{Name: "ana", Password: testPassword}},
	})
	b := s.open(t, withSecret, "grant = \"password\"\nusername = \"ana\"\npassword = { file = \"{dir}/password\" }\n")
	turns := 0
	turn := func(comes bool) func(context.Context) bool {
		return func(context.Context) bool { turns++; return comes }
	}
	obtain(t, b, credential.Request{Previous: seeded("unknown"), Turn: turn(true)})
	if n := s.Counts().TokenRequests; n != 2 || turns != 1 {
		t.Errorf("%d requests with %d turns, want 2 with one more than the attempt's own", n, turns)
	}
	f := refused(t, b, credential.Request{Previous: seeded("unknown"), Turn: turn(false)})
	if n := s.Counts().TokenRequests; n != 3 || !f.SeedSpent || f.Reason != credential.ReasonTimeout {
		t.Errorf("%d requests, %s, spent %v", n, f.Reason, f.SeedSpent)
	}
}
