package e2e

import (
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestRefusedSecretIsSentOnceUntilItsBytesChange follows one refused secret of
// every kind through a crash loop, reloads and rewrites, a person who insists,
// another wrong secret and the right one.
func TestRefusedSecretIsSentOnceUntilItsBytesChange(t *testing.T) {
	t.Parallel()
	list := subjects(t)
	marker := &subject{file: "marker", backend: &refuser{
		shown: basicPassword, deny: says(401, `{"error":"invalid_client"}`), good: "none",
	}}
	w := newWorld(t, refusedTables(t, list)+"[providers.marker]\ntype = \"senhasegura\"\nurl = \""+serve(t, marker.backend)+
		"\"\nclient_id = \"id\"\nclient_secret = { file = \"marker\" }\n[credentials.marker]\nprovider = \"marker\"\n")
	w.environ = append(w.environ, "OTHERS=not-refused")
	w.write("own.pem", ownCertificate(t))
	w.write("marker", "first")
	for _, s := range list {
		w.write(s.file, s.wrong)
	}
	w.start()
	w.eventually("every refused secret parks", func() bool { return w.allAre("parked", list) })
	sent := func(when string, content func(*subject) string, want int) {
		t.Helper()
		for _, s := range list {
			if n := len(s.backend.times(s.secretOf(content(s)))); n != want {
				t.Errorf("%s: the secret of %s was sent %d times, want %d", when, s.name, n, want)
			}
		}
	}
	wrong := func(s *subject) string { return s.wrong }
	other := func(s *subject) string { return s.other }
	sent("at first", wrong, 1)
	log := w.daemon.log.String()
	for _, s := range list {
		if message := w.failure(s.name); !strings.Contains(message, w.path(s.file)) || !repeatsNothing(message) {
			t.Errorf("status does not say which file to change for %s: %s", s.name, message)
		}
		if n := strings.Count(log, `"msg":"credential parked","credential":"`+s.name+`"`); n != 1 || !strings.Contains(log, w.path(s.file)) {
			t.Errorf("the log says %d times that %s is parked, want once and with the file to change", n, s.name)
		}
	}
	if message := w.failure("arqged"); !strings.Contains(message, "environment variable OTHERS") {
		t.Errorf("status does not name the variable: %s", message)
	}
	for range 5 {
		w.kill()
		w.start()
	}
	if !w.allAre("parked", list) {
		t.Errorf("after a crash loop: %v", w.status().states())
	}
	sent("after a crash loop", wrong, 1)

	for _, s := range list { // touched, written again in place, and replaced
		now := time.Now()
		if err := os.Chtimes(w.path(s.file), now, now); err != nil {
			t.Fatal(err)
		}
		w.write(s.file, s.wrong)
		w.write(s.file+".new", s.wrong)
		if err := os.Rename(w.path(s.file+".new"), w.path(s.file)); err != nil {
			t.Fatal(err)
		}
	}
	if code, _, errs := w.run("reload"); code != 0 {
		t.Fatalf("reload exits %d: %s", code, errs)
	}
	w.signal(syscall.SIGHUP)
	w.write("marker", "second")
	w.eventually("files were looked at since", func() bool { return len(marker.backend.times("second")) == 1 })
	sent("after the same bytes were written again", wrong, 1)

	for _, s := range list {
		if code, _, errs := w.run("renew", s.name); code != 1 || !strings.Contains(errs, w.path(s.file)) {
			t.Errorf("renew %s exits %d with %q, want 1 with the file to change", s.name, code, errs)
		}
	}
	sent("after a person insisted", wrong, 2)

	changed := time.Now()
	for _, s := range list {
		w.write(s.file, s.other)
	}
	w.eventually("another wrong secret is tried", func() bool {
		for _, s := range list {
			if len(s.backend.times(s.secretOf(s.other))) == 0 {
				return false
			}
		}
		return w.allAre("parked", list)
	})
	for _, s := range list {
		if took := s.backend.times(s.secretOf(s.other))[0].Sub(changed); took > 5*time.Second {
			t.Errorf("%s: tried %s after the change, want within 5 s", s.name, took)
		}
	}
	w.kill()
	w.start()
	changed = time.Now()
	for _, s := range list {
		w.write(s.file, s.right)
	}
	w.eventually("the right secret is taken", func() bool { return w.allAre("valid", list) })
	t.Logf("%d kinds: the right secret is in use %s after it was written", len(list), time.Since(changed).Round(time.Millisecond))
	sent("at the end", wrong, 2)
	sent("at the end", other, 1)
	sent("at the end", func(s *subject) string { return s.right }, 1)
	for _, s := range w.status().Credentials {
		if s.LastError.Reason != "" && s.Name != "marker" {
			t.Errorf("%s still shows %+v", s.Name, s.LastError)
		}
	}
}

func (w *world) allAre(state string, list []*subject) bool {
	w.t.Helper()
	states := w.status().states()
	for _, s := range list {
		if states[s.name] != state {
			return false
		}
	}
	return true
}

// failure returns what status says of one credential's failure.
func (w *world) failure(name string) string {
	w.t.Helper()
	for _, c := range w.status().Credentials {
		if c.Name == name {
			return c.LastError.Message
		}
	}
	w.t.Fatalf("no credential %s", name)
	return ""
}

// TestCrashInEveryCallSlowsDown kills the daemon in the middle of each call,
// before an answer can be recorded: what was sent is sent again, at the pace of
// failures, and no more once the refusal is known.
func TestCrashInEveryCallSlowsDown(t *testing.T) {
	t.Parallel()
	const floor = 300 * time.Millisecond
	var once sync.Once
	answer := make(chan struct{})
	b := &refuser{shown: basicPassword, good: "none", deny: func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm() // else a caller who leaves is not noticed
		select {
		case <-answer:
		case <-r.Context().Done():
			return
		}
		says(401, `{"error":"invalid_client"}`)(w, r)
	}}
	w := newWorld(t, "[renewal]\nmin_interval = \"300ms\"\ntimeout = \"30s\"\n[providers.vault]\ntype = \"senhasegura\"\nurl = \""+serve(t, b)+
		"\"\nclient_id = \"id\"\nclient_secret = { file = \"secret\" }\n[credentials.vault]\nprovider = \"vault\"\n")
	t.Cleanup(func() { once.Do(func() { close(answer) }) })
	w.write("secret", "wrong")
	const crashes = 4
	for n := 1; n <= crashes; n++ {
		w.launch()
		w.eventually("the call is under way", func() bool { return len(b.times("wrong")) == n })
		w.kill()
	}
	once.Do(func() { close(answer) })
	w.start()
	w.eventually("the refusal is known", func() bool { return w.status().states()["vault"] == "parked" })
	for range 3 {
		w.kill()
		w.start()
	}
	times := b.times("wrong")
	if len(times) != crashes+1 {
		t.Errorf("sent %d times, want once for each of %d crashes and once more", len(times), crashes)
	}
	for i := 1; i < len(times); i++ {
		// The clock of the floor runs from before the call reached us.
		if gap, least := times[i].Sub(times[i-1]), floor<<(i-1)-slack; gap < least {
			t.Errorf("crash %d: called again after %s, want %s at least", i, gap, least)
		}
	}
	t.Logf("waits: %s %s %s %s", times[1].Sub(times[0]), times[2].Sub(times[1]), times[3].Sub(times[2]), times[4].Sub(times[3]))
}
