package cluster

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

// The document of status --cluster names the engine, the machines and the intents, with
// the keys that programs rely on.
func TestStatusIsADocument(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Minute)
		text := func(n *node) string {
			data, err := json.Marshal(n.cluster.Status())
			must(t, err)
			return string(data)
		}
		now := func() string { return time.Now().UTC().Truncate(time.Second).Format(time.RFC3339) }
		machine := func(name, seen string) string {
			return fmt.Sprintf(`{"name":%q,"last_seen":%q,"version":"test","config_hash":"same"}`, name, seen)
		}
		must(t, a.renew(func() error {
			at := now()
			pass(2 * time.Second)
			want := `{"format":1,"engine":{"up":true,"alone_since":null},"machines":[` + machine("a", now()) + "," + machine("b", now()) +
				`],"intents":[{"credential":"u6","node":"a","at":"` + at + `"}]}`
			for _, n := range []*node{a, b} {
				if got := text(n); got != want {
					t.Errorf("%s shows\n%s, want\n%s", n.name, got, want)
				}
			}
			return nil
		}))
		b.kill()
		gone := now()
		pass(time.Minute)
		want := `{"format":1,"engine":{"up":true,"alone_since":null},"machines":[` + machine("a", now()) + ","
		if got := text(a); len(got) < len(want) || got[:len(want)] != want {
			t.Errorf("got %s, want it to begin with %s", got, want)
		}
		for _, m := range a.cluster.Status().Machines {
			if late := m.LastSeen.Sub(parsed(t, gone)); m.Name == "b" && (late < 0 || late > 15*time.Second) {
				t.Errorf("b died at %s and was seen last at %s", gone, m.LastSeen)
			}
		}
		c := w.start("c")
		pass(time.Hour)
		w.kv.setAway("a", true)
		since := time.Now()
		pass(10 * time.Second)
		s := a.cluster.Status()
		if s.Engine.Up || s.Engine.AloneSince == nil || s.Engine.AloneSince.Sub(since) > 10*time.Second {
			t.Errorf("got %+v, want it alone since %s", s.Engine, since)
		}
		for _, m := range s.Machines {
			if early := since.Sub(m.LastSeen); m.Name == c.name && early > 10*time.Second {
				t.Errorf("c was seen last %s before the engine went away, want until then", early)
			}
			if m.Name == "a" && !m.LastSeen.Equal(time.Now().UTC().Truncate(time.Second)) {
				t.Errorf("a was seen last at %s by itself, want now", m.LastSeen)
			}
		}
	})
}

func parsed(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	must(t, err)
	return at
}
