package cluster

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
)

// hookScript records each run, and each run beside another one. A file with the
// name of the host keeps it inside for long.
const hookScript = `
[sinks.plain.on_change]
command = ["/bin/sh", "-c", "mkdir lock || echo HOST >>beside; echo HOST >>ran; sleep 0.5; if mv stay.HOST inside.HOST; then sleep 2.5; fi; rmdir lock"]
timeout = "4s"
one_at_a_time = "reader"
`

// hooks are the commands of all hosts. They share a folder.
type hooks struct {
	*box
	*e2etest.World // the folder
}

// oneAtATime: a command runs on every host after each change, never on two at
// once, never while etcd is away, and a host that dies inside its command does
// not hold up the others for good.
func oneAtATime(b *box) {
	w := hooks{b, &e2etest.World{T: b.t, Dir: b.t.TempDir()}}
	for _, h := range b.hosts {
		base := h.Read("config.toml")
		script := strings.NewReplacer("HOST", h.name, `"-c", "`, fmt.Sprintf(`"-c", "cd %s; `, w.Dir)).Replace(hookScript)
		h.Write("config.toml", base+script)
		h.reload()
		defer func() { h.Write("config.toml", base); h.reload() }()
	}
	w.allRun("a renewal", b.hosts[0])
	w.diesInside(b.hosts[0])

	// What is written while etcd is away is announced once it is back.
	a := b.hosts[0]
	b.net.both(0, b.net.cut)
	a.alone("a cut")
	before := w.runs(a)
	a.renewed("plain")
	pause(b.t.Context(), 4*time.Second)
	if now := w.runs(a); now != before {
		b.t.Errorf("got %d runs while etcd was away, want none", now-before)
	}
	b.net.both(0, b.net.heal)
	w.await("the command runs after healing", func() bool { return w.runs(a) > before })
	b.settled("a cut with a command owed")
	w.neverBeside()
}

// allRun renews on one host, and waits until the command has run on all.
func (w hooks) allRun(what string, on *host) {
	w.T.Helper()
	before := map[*host]int{}
	for _, h := range w.hosts {
		before[h] = w.runs(h)
	}
	on.renewed("plain")
	w.await("the command runs everywhere after "+what, func() bool {
		for _, h := range w.hosts {
			if w.runs(h) == before[h] {
				return false
			}
		}
		return true
	})
	w.neverBeside()
}

// diesInside kills a host's daemon while its command runs. Its lock outlasts the
// command, and no longer.
func (w hooks) diesInside(h *host) {
	w.Write("stay."+h.name, "")
	h.renewed("plain")
	w.await("the command of "+h.name+" is inside", func() bool { return w.Read("ran") != "" && w.exists("inside."+h.name) })
	h.Kill()
	before := []int{w.runs(w.hosts[1]), w.runs(w.hosts[2])}
	w.hosts[1].renewed("plain")
	w.await("the commands of the others run", func() bool { return w.runs(w.hosts[1]) > before[0] && w.runs(w.hosts[2]) > before[1] })
	w.neverBeside()
	mine := w.runs(h)
	h.startDaemon()
	w.await("the interrupted command runs again", func() bool { return w.runs(h) > mine })
	w.settled("a death inside a command")
	w.neverBeside()
}

// await waits for what depends on a lock that has to expire (15 s) and on a hook
// that is tried again (30 s).
func (w hooks) await(what string, holds func() bool) {
	w.T.Helper()
	const limit = time.Minute
	begun := time.Now()
	for !holds() {
		if time.Since(begun) > limit {
			w.T.Fatalf("timed out after %s waiting: %s; ran: %q", limit, what, w.Read("ran"))
		}
		pause(w.T.Context(), 50*time.Millisecond)
	}
	w.T.Logf("%s after %s", what, time.Since(begun).Round(100*time.Millisecond))
}

func (w hooks) neverBeside() {
	w.T.Helper()
	if beside := w.Read("beside"); beside != "" {
		w.T.Errorf("commands of %q ran beside another one", strings.Fields(beside))
	}
}

func (w hooks) runs(h *host) (n int) {
	for _, name := range strings.Fields(w.Read("ran")) {
		if name == h.name {
			n++
		}
	}
	return n
}

func (w hooks) exists(name string) bool {
	_, err := os.Stat(w.Path(name))
	return err == nil
}

// reload applies a changed configuration.
func (h *host) reload() {
	h.T.Helper()
	if code, out, errs := h.Run("reload"); code != 0 {
		h.T.Errorf("reload on %s: got exit code %d, want 0: %s%s", h.name, code, out, errs)
	}
}
