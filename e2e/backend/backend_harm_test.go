package backend

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
)

const minInterval = 600 * time.Millisecond

// steadyLife is the lifetime of the tokens of the backend that never fails.
const steadyLife = 12 * time.Second

// Tokens of failing backends are valid for longer than three failures take, and are
// due for renewal at once.
const (
	failingLife   = 60 * time.Second
	failingBefore = 58 * time.Second
)

// failureTable returns the configuration of one backend with two credentials. Only
// for one that is slow on purpose is the timeout short: the answers of the others may
// take their time on a busy machine.
func failureTable(name string, b *bearer) string {
	keys := ""
	switch {
	case b.slow:
		keys = "timeout = \"3s\"\n"
	case b.pin:
		key := sha256.Sum256(b.pki.good.Leaf.RawSubjectPublicKeyInfo)
		keys = "tls = { pin_sha256 = \"" + hex.EncodeToString(key[:]) + "\" }\n"
	case b.pki != nil:
		keys = "tls = { ca_file = \"{dir}/ca.pem\" }\n"
	}
	text := fmt.Sprintf("[providers.%s]\ntype = \"senhasegura\"\nurl = %q\nclient_id = \"0c2f\"\nclient_secret = { file = \"{dir}/secret\" }\n%s", name, b.url(), keys)
	for _, scope := range []string{"a", "b"} {
		text += fmt.Sprintf("[credentials.%s-%s]\nprovider = %q\nscope = %q\n", name, scope, name, scope)
	}
	return text + fmt.Sprintf("[sinks.%s]\ntype = \"file\"\npath = \"{dir}/out/%s\"\ncontent = \"${%s-a.access_token}\"\n", name, name, name)
}

// TestBackendsThatFailHarmNothing runs one daemon against more than thirty
// backends that issue a token and then fail, each in its own way. It kills the
// daemon while they fail, and then repairs all of them.
func TestBackendsThatFailHarmNothing(t *testing.T) {
	t.Parallel()
	cases, certs := failures(t), newPKI(t)
	backends := map[string]*bearer{}
	text := fmt.Sprintf("[renewal]\nrenew_before = %q\njitter = \"0%%\"\nmin_interval = %q\ntimeout = \"10s\"\n", failingBefore, minInterval)
	for _, d := range cases {
		b := &bearer{life: int(failingLife.Seconds()), bad: d.bad, down: d.down, slow: d.reasons == "timeout"}
		if d.cert != nil {
			b.pki, b.cert, b.pin = certs, d.cert, d.pin
		}
		b.start(t)
		backends[d.name] = b
		text += failureTable(d.name, b)
	}
	steady := &bearer{life: int(steadyLife.Seconds()), bad: says(200, fmt.Sprintf(`{"token_type":"Bearer","expires_in":%.0f,"access_token":"steady"}`, steadyLife.Seconds()))}
	steady.start(t)
	text += strings.Replace(failureTable("steady", steady), "[credentials.steady-a]", "renew_before = \"50%\"\n[credentials.steady-a]", 1)
	w := e2etest.NewWorld(t, text)
	w.Write("secret", e2etest.VaultSecret)
	w.Write("ca.pem", certs.caPEM)
	w.Write("out/.keep", "")
	w.Start()
	w.Eventually("every backend gave its first token", func() bool {
		s := w.Status().States()
		for _, d := range cases {
			if s[d.name] != "delivered" || s[d.name+"-b"] == "pending" {
				return false
			}
		}
		return true
	})
	calm := w.Memory()
	held := map[string]string{}
	for _, d := range cases {
		held[d.name] = w.Read("out/" + d.name)
	}
	failures := func(least int) func() bool {
		return func() bool {
			for _, c := range w.Status().Credentials {
				name, _, _ := strings.Cut(c.Name, "-a")
				if d := failureNamed(cases, name); d != nil && d.waits == 0 && !d.quiet && strings.HasSuffix(c.Name, "-a") && c.Failures < least {
					return false
				}
			}
			return true
		}
	}
	w.Eventually("every backend failed twice", failures(2))
	log := w.Daemon.Log.String()
	w.Kill()
	killed := time.Now()
	w.Start()
	w.Eventually("every backend failed again after the crash", failures(3))
	for _, c := range w.Status().Credentials {
		d := failureNamed(cases, strings.TrimSuffix(strings.TrimSuffix(c.Name, "-a"), "-b"))
		if d == nil || c.Failures == 0 && (d.waits > 0 || d.quiet) {
			continue // the second credential of a throttling backend need not have been called
		}
		if c.State != "failing" || !strings.Contains(" "+d.reasons+" ", " "+c.LastError.Reason+" ") || len(c.LastError.Message) < 20 {
			t.Errorf("%s: got state %s with reason %q (%s), want one of %q", c.Name, c.State, c.LastError.Reason, c.LastError.Message, d.reasons)
		}
		if got := w.Read("out/" + d.name); got != held[d.name] || got == "" {
			t.Errorf("%s: the valid token is no longer delivered", d.name)
		}
	}
	for _, d := range cases {
		backends[d.name].repair(t)
	}
	repaired := time.Now()
	w.Eventually("every backend is in use again", func() bool {
		s := w.Status()
		for _, c := range s.Credentials {
			d := failureNamed(cases, strings.TrimSuffix(strings.TrimSuffix(c.Name, "-a"), "-b"))
			if d != nil && !d.quiet && (c.State != "valid" || c.Generation < 2) {
				return false
			}
		}
		return true
	})
	t.Logf("%d backends, all working %s after they were repaired; memory %d MiB, peak %d MiB more",
		len(cases), time.Since(repaired).Round(time.Millisecond), calm>>10, (w.Memory()-calm)>>10)
	if more := w.Memory() - calm; more > 48<<10 {
		t.Errorf("hostile answers took %d KiB of memory, want at most 48 MiB", more)
	}
	log += w.Daemon.Log.String()
	for _, d := range cases {
		checkPace(t, d, backends[d.name], killed)
		for _, scope := range []string{"a", "b"} {
			said := strings.Count(log, fmt.Sprintf(`"msg":"credential recovered","credential":"%s-%s"`, d.name, scope))
			if !d.quiet && len(backends[d.name].of(scope, false)) > 0 && !d.down && said != 1 {
				t.Errorf("%s-%s: the recovery was logged %d times, want once", d.name, scope, said)
			}
		}
	}
	_, out, _ := w.Run("status", "--json")
	if !repeatsNothing(log) || !repeatsNothing(out) {
		t.Error("an output quotes a backend")
	}
	checkSteady(t, steady)
}

func failureNamed(cases []failure, name string) *failure {
	for i := range cases {
		if cases[i].name == name {
			return &cases[i]
		}
	}
	return nil
}

// checkPace checks the calls one backend received against minimum interval and
// cool-down, and the first success after the failures against one backoff.
func checkPace(t *testing.T, d failure, b *bearer, killed time.Time) {
	t.Helper()
	// On a busy machine, calls already in progress when a refusal arrives may still
	// arrive this late, and a refusal this old may not have been saved at a crash.
	const together = 3 * time.Second
	refusals := 0
	for _, scope := range []string{"a", "b"} {
		bad, good := b.of(scope, false), b.of(scope, true)
		refusals += len(bad)
		all := append(append(append([]time.Time{}, good[0]), bad...), good[1:]...)
		if b.cert == nil {
			checkMinInterval(t, d.name+"-"+scope, all)
		}
		if len(bad) > 0 && len(good) > 1 && !d.quiet {
			last := bad[len(bad)-1]
			if d.waits > 0 { // which the other credential may have been told later
				last = slices.MaxFunc(append(b.of("a", false), b.of("b", false)...), time.Time.Compare)
			}
			// The longest backoff is an eighth of the token's lifetime; a timeout and a
			// restart may be in between.
			if took, most := good[1].Sub(last), max(failingLife/8, d.waits)+4*time.Second; took > most {
				t.Errorf("%s-%s: called %s after its last failure, want within %s", d.name, scope, took, most)
			}
		}
	}
	if d.waits == 0 {
		return
	}
	if refusals == 0 {
		t.Errorf("%s never refused", d.name)
		return
	}
	// Calls of the other credential may be in progress; after that both wait.
	for _, scope := range []string{"a", "b"} {
		for _, at := range append(b.of(scope, false), b.of(scope, true)[1:]...) {
			for _, of := range []string{"a", "b"} {
				for _, refused := range b.of(of, false) {
					since, lost := at.Sub(refused), refused.Before(killed) && killed.Sub(refused) < together && at.After(killed)
					if since > 0 && (of == scope || since > together) && since < d.waits-slack && !lost {
						t.Errorf("%s-%s: called %s after the backend asked all callers to wait", d.name, scope, since)
					}
				}
			}
		}
	}
}

// slack is the tolerated difference in latency between two calls.
const slack = 250 * time.Millisecond

// checkMinInterval checks the calls for one credential against the minimum
// interval, each gap and the whole span.
func checkMinInterval(t *testing.T, name string, calls []time.Time) {
	t.Helper()
	for i := 1; i < len(calls); i++ {
		if gap := calls[i].Sub(calls[i-1]); gap < minInterval-2*slack {
			t.Errorf("%s: called again after %s, want at least %s", name, gap, minInterval)
		}
		if span, least := calls[i].Sub(calls[0]), time.Duration(i)*minInterval-2*slack; span < least {
			t.Errorf("%s: %d calls within %s, want at least %s", name, i+1, span, least)
		}
	}
}

// checkSteady checks a backend that never failed.
func checkSteady(t *testing.T, b *bearer) {
	t.Helper()
	for _, scope := range []string{"a", "b"} {
		all := append(b.of(scope, true), b.of(scope, false)...)
		if len(all) < 3 {
			t.Errorf("steady-%s was renewed %d times, want at least 2", scope, len(all)-1)
		}
		for i := 1; i < len(all); i++ {
			if gap := all[i].Sub(all[i-1]); gap > steadyLife {
				t.Errorf("steady-%s was renewed after %s, want within %s despite failing backends", scope, gap, steadyLife)
			}
		}
	}
}
