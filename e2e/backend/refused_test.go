package backend

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
)

// namesTheFile checks that every failure, and its line in the log, names what to change.
func namesTheFile(t *testing.T, w *e2etest.World, list []*e2etest.Subject) {
	t.Helper()
	log := w.Daemon.Log.String()
	for _, s := range list {
		if message := w.Failure(s.Name); !strings.Contains(message, w.Path(s.File)) || !repeatsNothing(message) {
			t.Errorf("%s: got failure %q, want it to name the file to change", s.Name, message)
		}
		if n := strings.Count(log, `"msg":"credential parked","credential":"`+s.Name+`"`); n != 1 || !strings.Contains(log, w.Path(s.File)) {
			t.Errorf("%s: logged as parked %d times, want once, with the file to change", s.Name, n)
		}
	}
}

// rewriteTheSame touches every file, writes it in place and replaces it, with the bytes
// that it has.
func rewriteTheSame(t *testing.T, w *e2etest.World, list []*e2etest.Subject) {
	t.Helper()
	for _, s := range list {
		now := time.Now()
		if err := os.Chtimes(w.Path(s.File), now, now); err != nil {
			t.Fatal(err)
		}
		w.Write(s.File, s.Wrong)
		w.Write(s.File+".new", s.Wrong)
		if err := os.Rename(w.Path(s.File+".new"), w.Path(s.File)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRefusedSecretIsSentOnceUntilItsBytesChange follows one refused secret of
// every kind through a crash loop, reloads and rewrites, repeated manual
// renewals, another wrong secret, and the right one.
func TestRefusedSecretIsSentOnceUntilItsBytesChange(t *testing.T) {
	t.Parallel()
	list := subjects(t)
	marker := &e2etest.Subject{File: "marker", Backend: &e2etest.Refuser{
		Shown: basicPassword, Deny: says(401, `{"error":"invalid_client"}`), Good: "none",
	}}
	w := e2etest.NewWorld(t, refusedTables(t, list)+"[providers.marker]\ntype = \"senhasegura\"\nurl = \""+e2etest.Serve(t, marker.Backend)+
		"\"\nclient_id = \"id\"\nclient_secret = { file = \"marker\" }\n[credentials.marker]\nprovider = \"marker\"\n")
	w.Environ = append(w.Environ, "OTHERS=not-refused")
	w.Write("own.pem", ownCertificate(t))
	w.Write("marker", "first")
	for _, s := range list {
		w.Write(s.File, s.Wrong)
	}
	w.Start()
	w.Eventually("every refused secret parks", func() bool { return w.AllAre("parked", list) })
	sent := func(when string, content func(*e2etest.Subject) string, want int) {
		t.Helper()
		for _, s := range list {
			if n := len(s.Backend.Times(s.SecretOf(content(s)))); n != want {
				t.Errorf("%s: the secret of %s was sent %d times, want %d", when, s.Name, n, want)
			}
		}
	}
	wrong := func(s *e2etest.Subject) string { return s.Wrong }
	other := func(s *e2etest.Subject) string { return s.Other }
	sent("at first", wrong, 1)
	namesTheFile(t, w, list)
	if message := w.Failure("arqged"); !strings.Contains(message, "environment variable OTHERS") {
		t.Errorf("got failure %q, want it to name the variable", message)
	}
	for range 5 {
		w.Kill()
		w.Start()
	}
	if !w.AllAre("parked", list) {
		t.Errorf("after a crash loop: got states %v, want all parked", w.Status().States())
	}
	sent("after a crash loop", wrong, 1)

	rewriteTheSame(t, w, list)
	if code, _, errs := w.Run("reload"); code != 0 {
		t.Fatalf("reload: got exit code %d, want 0: %s", code, errs)
	}
	w.Signal(syscall.SIGHUP)
	w.Write("marker", "second")
	w.Eventually("files were looked at since", func() bool { return len(marker.Backend.Times("second")) == 1 })
	sent("after the same bytes were written again", wrong, 1)

	for _, s := range list {
		if code, _, errs := w.Run("renew", s.Name); code != 1 || !strings.Contains(errs, w.Path(s.File)) {
			t.Errorf("renew %s: got exit code %d and %q, want 1 and the file to change", s.Name, code, errs)
		}
	}
	sent("after a person insisted", wrong, 2)

	changed := time.Now()
	for _, s := range list {
		w.Write(s.File, s.Other)
	}
	w.Eventually("another wrong secret is tried", func() bool {
		for _, s := range list {
			if len(s.Backend.Times(s.SecretOf(s.Other))) == 0 {
				return false
			}
		}
		return w.AllAre("parked", list)
	})
	for _, s := range list {
		if took := s.Backend.Times(s.SecretOf(s.Other))[0].Sub(changed); took > 5*time.Second {
			t.Errorf("%s: tried %s after the change, want within 5 s", s.Name, took)
		}
	}
	w.Kill()
	w.Start()
	changed = time.Now()
	for _, s := range list {
		w.Write(s.File, s.Right)
	}
	w.Eventually("the right secret is accepted", func() bool { return w.AllAre("valid", list) })
	t.Logf("%d kinds: the right secret was in use %s after it was written", len(list), time.Since(changed).Round(time.Millisecond))
	sent("at the end", wrong, 2)
	sent("at the end", other, 1)
	sent("at the end", func(s *e2etest.Subject) string { return s.Right }, 1)
	for _, s := range w.Status().Credentials {
		if s.LastError.Reason != "" && s.Name != "marker" {
			t.Errorf("%s: got last error %+v, want none", s.Name, s.LastError)
		}
	}
}

// TestCrashInEveryCallSlowsDown kills the daemon during each call, before an
// answer can be recorded. The secret is sent again, at the pace of failures,
// and never after the refusal is known.
func TestCrashInEveryCallSlowsDown(t *testing.T) {
	t.Parallel()
	const floor = 300 * time.Millisecond
	var once sync.Once
	answer := make(chan struct{})
	b := &e2etest.Refuser{Shown: basicPassword, Good: "none", Deny: func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // otherwise a caller that disconnects is not noticed
		select {
		case <-answer:
		case <-r.Context().Done():
			return
		}
		says(401, `{"error":"invalid_client"}`)(w, r)
	}}
	w := e2etest.NewWorld(t, "[renewal]\nmin_interval = \"300ms\"\ntimeout = \"30s\"\n[providers.vault]\ntype = \"senhasegura\"\nurl = \""+e2etest.Serve(t, b)+
		"\"\nclient_id = \"id\"\nclient_secret = { file = \"secret\" }\n[credentials.vault]\nprovider = \"vault\"\n")
	t.Cleanup(func() { once.Do(func() { close(answer) }) })
	w.Write("secret", "wrong")
	const crashes = 4
	for n := 1; n <= crashes; n++ {
		w.Launch()
		w.Eventually("the call is under way", func() bool { return len(b.Times("wrong")) == n })
		w.Kill()
	}
	once.Do(func() { close(answer) })
	w.Start()
	w.Eventually("the refusal is known", func() bool { return w.Status().States()["vault"] == "parked" })
	for range 3 {
		w.Kill()
		w.Start()
	}
	times := b.Times("wrong")
	if len(times) != crashes+1 {
		t.Errorf("sent %d times, want once per crash (%d) and once more", len(times), crashes)
	}
	for i := 1; i < len(times); i++ {
		// The minimum interval starts before the call reaches us.
		if gap, least := times[i].Sub(times[i-1]), floor<<(i-1)-slack; gap < least {
			t.Errorf("crash %d: called again after %s, want at least %s", i, gap, least)
		}
	}
	t.Logf("waits: %s %s %s %s", times[1].Sub(times[0]), times[2].Sub(times[1]), times[3].Sub(times[2]), times[4].Sub(times[3]))
}
