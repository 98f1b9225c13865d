package http

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/http/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

func emulated() *emulator.Server {
	return emulator.New(emulator.Settings{
		Users: []emulator.User{{Name: "robot", Password: testSecret}}, Headers: map[string]string{"X-Api-Key": "k3y"},
	}, nil)
}

// obtained makes one attempt at a service.
func obtained(t *testing.T, service http.Handler, keys string, inputs map[string]credential.Credential) (credential.Credential, error) {
	t.Helper()
	t.Setenv("SECRET", testSecret)
	env := providertest.Serve(t, service).Env()
	env.Location = time.FixedZone("", -3*60*60)
	return attempted(t, env, keys, inputs)
}

func attempted(t *testing.T, env providers.Env, keys string, inputs map[string]credential.Credential) (credential.Credential, error) {
	t.Helper()
	b, faults := opened(t, env, "url = \"https://portal.example/api\"\nheaders = { X-Api-Key = \"k3y\" }", keys)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	return b.Source.Refresh(ctx, credential.Request{At: time.Now(), Inputs: inputs})
}

// TestEveryEmulatedFormOfLogin logs in by each form that the emulator knows;
// second steps use the session of the first.
func TestEveryEmulatedFormOfLogin(t *testing.T) {
	forms := []struct {
		keys   string
		fields int
		life   time.Duration
	}{
		{`path = "/login"
			json = { user = "robot", password = { env = "SECRET" } }
			fields = { token = "json:/data/token", user = "header:X-User" }
			expires = "json:/data/expires_in"`, 2, time.Hour},
		{`path = "/branch"
			form = { session = "${first.token}" }
			fields = { token = "cookie:SID", same = "json:/ticket/value" }
			expires = "json:/ticket/until"
			expires_form = "rfc3339"`, 2, time.Hour},
		{`path = "/soap"
			body = "<login><session>${first.token}</session></login>"
			fields = { token = "xml:/reply/ticket", user = "xml:/reply/user", id = "xml:/reply/user/@id" }`, 3, 0},
		{`path = "/platform/authentication/actions/login"
			json = { username = "robot", password = { env = "SECRET" } }
			fields = { token = "json:/jsonToken /access_token" }
			expires = "json:/jsonToken /expires_in"`, 1, time.Hour},
		{`path = "/b1s/v1/Login"
			json = { UserName = "robot", Password = { env = "SECRET" }, CompanyDB = "SBO" }
			fields = { token = "cookie:B1SESSION", route = "cookie:ROUTEID" }`, 2, 0},
		{`path = "/ticket"
			method = "GET"
			basic = { username = "robot", password = { env = "SECRET" } }
			fields = { token = "text" }
			expires = "header:X-Valid-Until"
			expires_form = "02/01/2006 15:04:05"`, 1, time.Hour},
		{`path = "/once"
			spends = true
			form = { code = "c0de" }
			fields = { token = "json:/token" }
			expires = "json:/expires"
			expires_form = "milliseconds"`, 1, time.Hour},
	}
	if n := len(emulator.Forms()); n != len(forms) {
		t.Errorf("the emulator knows %d forms, %d are tried", n, len(forms))
	}
	t.Setenv("SECRET", testSecret)
	synctest.Test(t, func(t *testing.T) {
		service := emulated()
		service.Plant("c0de")
		env := providertest.Serve(t, service).Env()
		env.Location = time.FixedZone("", -3*60*60)
		inputs := map[string]credential.Credential{}
		for _, f := range forms {
			got, err := attempted(t, env, f.keys, inputs)
			if err != nil {
				t.Fatalf("%s\n%v", f.keys, err)
			}
			if len(got.Values) != f.fields || !service.Active(got.Values["token"].Reveal()) {
				t.Errorf("%s\n%d values, want %d with a token in force", f.keys, len(got.Values), f.fields)
			}
			if stated := !got.ExpiresAt.IsZero(); stated != (f.life > 0) || stated && time.Until(got.ExpiresAt).Abs() > f.life+time.Second {
				t.Errorf("%s\nends at %v, want in %v", f.keys, got.ExpiresAt, f.life)
			}
			if len(inputs) == 0 {
				inputs["first"] = got
			}
		}
		if n := service.Counts(); n.Refused+n.Reused+n.SecretsInURI+n.EndedSessions > 0 || n.Logins != len(forms) {
			t.Errorf("the service saw %+v", n)
		}
	})
}

// TestEmulatedRefusals sends wrong and expired values.
func TestEmulatedRefusals(t *testing.T) {
	ended := map[string]credential.Credential{"first": {Values: map[string]credential.Secret{"token": credential.NewSecret("over")}}}
	for keys, want := range map[string]credential.Reason{
		"path = \"/login\"\njson = { user = \"robot\", password = \"w\" }": credential.ReasonRejected,
		"path = \"/login\"\nform = { user = \"robot\", password = \"w\" }": credential.ReasonInvalidRequest,
		"path = \"/branch\"\nform = { session = \"${first.token}\" }":      credential.ReasonRejected,
		"path = \"/once\"\nspends = true\nform = { code = \"unknown\" }":   credential.ReasonInvalidRequest,
		"path = \"/nowhere\"": credential.ReasonInvalidRequest,
		"path = \"/login\"\nheaders = { X-Api-Key = \"w\" }\njson = { user = \"robot\", password = \"w\" }": credential.ReasonRejected,
	} {
		_, err := obtained(t, emulated(), keys+"\nfields = { token = \"json:/token\" }", ended)
		if f := credential.AsFault(err); err == nil || f.Reason != want {
			t.Errorf("%s\n%v, want %s", keys, err, want)
		}
	}
}

// TestEmulatedFaults makes one attempt under every fault of the emulator. It is
// a straight table.
func TestEmulatedFaults(t *testing.T) {
	want := map[string]string{
		"hang": "timeout lost", "drop": "network lost", "lost-answer": "network lost", "cut": "network lost", "drip": "timeout lost",
		"page-200": "bad_response lost", "page-401": "bad_response", "redirect": "bad_response",
		"throttled": "throttled", "unavailable": "server", "server-error": "server", "gateway-504": "server lost",
		"unauthorized": "rejected", "forbidden": "rejected", "refused-200": "rejected",
		"empty": "bad_response", "token-absent": "bad_response", "token-null": "bad_response", "token-empty": "bad_response",
		"token-object": "bad_response", "token-control": "bad_response",
		"token-number": "", "labelled-as-text": "", "byte-order-mark": "", "expires-absent": "", "expires-text": "",
		"expires-zero": "unread", "expires-words": "unread", "clock-ahead": "", "clock-behind": "",
	}
	faults := emulated().Faults()
	if len(faults) != len(want) {
		t.Errorf("the emulator has %d faults, %d are tried", len(faults), len(want))
	}
	for _, fault := range faults {
		t.Run(fault.Name, func(t *testing.T) {
			t.Setenv("SECRET", testSecret)
			synctest.Test(t, func(t *testing.T) {
				service := emulated()
				if err := service.SetFault(fault.Name, 1); err != nil {
					t.Fatal(err)
				}
				got, err := attempted(t, providertest.Serve(t, service).Env(), `
					path = "/login"
					json = { user = "robot", password = { env = "SECRET" } }
					fields = { token = "json:/data/token" }
					expires = "json:/data/expires_in"
					errors = [{ json = "/code", is = "X12", reason = "rejected" }]`, nil)
				outcome := got.UnreadEnd
				if outcome != "" {
					outcome = "unread"
				}
				if err != nil {
					f := credential.AsFault(err)
					outcome = string(f.Reason)
					if f.Lost {
						outcome += " lost"
					}
				}
				if outcome != want[fault.Name] {
					t.Errorf("got %q (%v), want %q", outcome, err, want[fault.Name])
				}
			})
		})
	}
}
