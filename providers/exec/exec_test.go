package exec

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/providertest"
)

func bound(t testing.TB, keys string) (providers.Binding, []section.Fault) {
	t.Helper()
	p, err := section.Parse("providers.p", "")
	if err != nil {
		t.Fatal(err)
	}
	b := open(p, providers.Env{})
	c, err := section.Parse("credentials.c", keys)
	if err != nil {
		t.Fatal(err)
	}
	made := b.Bind(c)
	return made, append(p.Finish(), c.Finish()...)
}

func run(t testing.TB, keys string, within time.Duration) (credential.Credential, *source, error) {
	t.Helper()
	b, faults := bound(t, keys)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	ctx, stop := context.WithTimeout(t.Context(), within)
	defer stop()
	inputs := map[string]credential.Credential{"one": {Values: map[string]credential.Secret{"token": credential.NewSecret("x y")}}}
	c, err := b.Source.Refresh(ctx, credential.Request{At: time.Now(), Inputs: inputs})
	return c, b.Source.(*source), err
}

func TestCommandGetsWhatIsConfigured(t *testing.T) {
	t.Setenv("SECRET", "s3cret")
	t.Setenv("OTHER", "leak")
	c, src, err := run(t, `
		command = ["/bin/sh", "-c", "echo $A/$B/$(cat)/$OTHER/$PWD; echo canary-stderr >&2"]
		env = { A = { env = "SECRET" }, B = 7 }
		stdin = "in-${one.token}-"
		output = "git"
	`, 10*time.Second)
	if err == nil {
		t.Fatalf("a line without = is a git credential: %v", c.Values)
	}
	if got := src.Stderr().Reveal(); got != "canary-stderr\n" {
		t.Errorf("stderr %q is kept, want what the command wrote", got)
	}
	if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("the fault repeats output or a secret: %v", err)
	}
	c, _, err = run(t, `
		command = ["/bin/sh", "-c", "echo $A/$B/$(cat)/$OTHER/$PWD"]
		env = { A = { env = "SECRET" }, B = 7 }
		stdin = { env = "SECRET" }
	`, 10*time.Second)
	if want := "s3cret/7/s3cret///"; err != nil || c.Values[fieldToken].Reveal() != want {
		t.Errorf("got %q, %v, want %q", c.Values[fieldToken].Reveal(), err, want)
	}
	if c, _, err = run(t, `command = ["/bin/cat"]`, 10*time.Second); err == nil {
		t.Errorf("without stdin its end does not come at once: %v", c.Values)
	}
}

func TestFailures(t *testing.T) {
	for _, c := range []struct {
		name, keys string
		reason     credential.Reason
		words      string
	}{
		{"try again", `command = ["/bin/sh", "-c", "echo token; exit 75"]`, credential.ReasonServer, "exit code 75"},
		{"refused", `command = ["/bin/sh", "-c", "exit 77"]`, credential.ReasonRejected, "exit code 77"},
		{"another code, with output", `command = ["/bin/sh", "-c", "echo token; exit 1"]`, credential.ReasonInternal, "--stderr"},
		{"killed", `command = ["/bin/sh", "-c", "kill -9 $$"]`, credential.ReasonInternal, "killed"},
		{"not there", `command = ["/nonexistent/token"]`, credential.ReasonInternal, "not found"},
		{"too much", `command = ["/bin/sh", "-c", "head -c 70000 /dev/zero | tr '\\0' a"]`, credential.ReasonBadResponse, "64 KiB"},
		{"nothing", `command = ["/bin/true"]`, credential.ReasonBadResponse, "nothing"},
		{"a page", `command = ["/bin/echo", "<html>canary</html>"]`, credential.ReasonBadResponse, "HTML"},
		{"inner blank", `command = ["/bin/echo", "canary token"]`, credential.ReasonBadResponse, "blank"},
		{"out of time", `command = ["/bin/sh", "-c", "sleep 60 & sleep 60"]`, credential.ReasonTimeout, "its time was up"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			within := 20 * time.Second
			if c.reason == credential.ReasonTimeout {
				within = 300 * time.Millisecond
			}
			got, _, err := run(t, c.keys, within)
			f := credential.AsFault(err)
			if err == nil || f.Reason != c.reason || !strings.Contains(f.Message, c.words) || strings.Contains(f.Message, "canary") {
				t.Errorf("got %v, %v (%s), want %s with %q", got.Values, err, f.Reason, c.reason, c.words)
			}
		})
	}
}

func TestOutputs(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sampa := time.FixedZone("", -3*60*60)
	hour := at.Add(time.Hour)
	for _, c := range []struct {
		name, form, out string
		want            map[string]string
		end             time.Time
		unread          bool
	}{
		{"bare", "auto", "\xef\xbb\xbf tok\r\n", map[string]string{"token": "tok"}, time.Time{}, false},
		{"oauth", "auto", `{"access_token":"tok","expires_in":3600}`, map[string]string{"token": "tok"}, hour, false},
		{"oauth, unreadable", "oauth", `{"access_token":"tok","expires_in":"1h"}`, map[string]string{"token": "tok"}, time.Time{}, true},
		{"kubernetes", "auto", `{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"tok","expirationTimestamp":"2026-03-01T13:00:00Z"}}`, map[string]string{"token": "tok"}, hour, false},
		{"aws", "credential-process", `{"Version":1,"AccessKeyId":"AK","SecretAccessKey":"s/+","SessionToken":"st","Expiration":"2026-03-01T13:00:00+00:00"}`, map[string]string{"access_key_id": "AK", "secret_access_key": "s/+", "session_token": "st"}, hour, false},
		{"aws without session", "credential-process", `{"Version":1,"AccessKeyId":"AK","SecretAccessKey":"s"}`, map[string]string{"access_key_id": "AK", "secret_access_key": "s"}, time.Time{}, false},
		{"git", "git", "protocol=https\nhost=x\nusername=ana\npassword=tok\npassword_expiry_utc=1772370000\n", map[string]string{"token": "tok", "username": "ana"}, hour, false},
		{"docker", "docker", `{"ServerURL":"https://x","Username":"ana","Secret":"tok"}`, map[string]string{"token": "tok", "username": "ana"}, time.Time{}, false},
		{"gcloud", "gcloud", `{"access_token":"tok","token_expiry":"2026-03-01T13:00:00Z"}`, map[string]string{"token": "tok"}, hour, false},
		{"gcloud config helper", "auto", `{"credential":{"access_token":"tok","token_expiry":"2026-03-01T13:00:00Z"}}`, map[string]string{"token": "tok"}, hour, false},
		{"azure", "auto", `{"accessToken":"tok","expiresOn":"2026-03-01 10:00:00.000000","expires_on":1772370000}`, map[string]string{"token": "tok"}, hour, false},
		{"azure, local time", "azure", `{"accessToken":"tok","expiresOn":"2026-03-01 10:00:00.000000"}`, map[string]string{"token": "tok"}, hour, false},
		{"over", "oauth", `{"access_token":"tok","expires_at":1772360000}`, nil, time.Time{}, false},
		{"no token", "oauth", `{"canary":1}`, nil, time.Time{}, false},
		{"no JSON", "oauth", `canary`, nil, time.Time{}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, f := read(c.form, []byte(c.out), at, sampa)
			if (f == nil) != (c.want != nil) {
				t.Fatalf("got %v, %v", got.Values, f)
			}
			for name, want := range c.want {
				if got.Values[name].Reveal() != want {
					t.Errorf("%s is %q, want %q", name, got.Values[name].Reveal(), want)
				}
			}
			if len(got.Values) != len(c.want) || !got.ExpiresAt.Equal(c.end) || (got.UnreadEnd != "") != c.unread {
				t.Errorf("got %d values until %v, unread %q, want until %v", len(got.Values), got.ExpiresAt, got.UnreadEnd, c.end)
			}
		})
	}
}

func TestFaultsOfTheConfiguration(t *testing.T) {
	for keys, want := range map[string]string{
		``:                                  "command: is missing",
		`command = ["/bin/x", "${a.b}"]`:    "command: holds ${…}",
		"command = [\"x\"]\noutput = \"y\"": "output",
		"command = [\"x\"]\nenv = { \"A=B\" = \"1\" }": "is not the name of a variable",
		"command = [\"x\"]\nstdin = \"${a\"":           "stdin",
	} {
		_, faults := bound(t, keys)
		if !slices.ContainsFunc(faults, func(f section.Fault) bool { return strings.Contains(f.Key+": "+f.Message, want) }) {
			t.Errorf("%q: got %v, want %q", keys, faults, want)
		}
	}
}

// TestReadmeBlocksShowEveryKey loads both blocks of configuration in the README, and
// requires every key of the kind in one of them.
func TestReadmeBlocksShowEveryKey(t *testing.T) {
	providertest.ReadmeBlocks(t, providertest.Readme{Kind: Kind(), Blocks: 2, Daemon: []string{"timeout"}})
}

func FuzzOutput(f *testing.F) {
	for _, form := range forms {
		f.Add(form, `{"access_token":"tok","expires_in":3600}`)
		f.Add(form, "password=tok\n")
	}
	f.Fuzz(func(t *testing.T, form, out string) {
		if !slices.Contains(forms[:], form) {
			return
		}
		at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		c, fault := read(form, []byte(out), at, time.UTC)
		if (fault == nil) != (len(c.Values) > 0) {
			t.Errorf("both or none of a credential and a fault: %v", fault)
		}
		if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(at) {
			t.Errorf("a token that is over: %v", c.ExpiresAt)
		}
		if _, err := c.ExpiresAt.MarshalJSON(); err != nil {
			t.Error(err)
		}
	})
}
