package kill

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/e2e/e2etest"
)

// armed is the binary that kills itself at a failpoint.
var armed = sync.OnceValues(func() (string, error) { return e2etest.Build("vigente-armed", "-tags", "failpoints") })

// killInterval is the minimum interval in these tests.
const killInterval = 600 * time.Millisecond

// manyLives makes tests try every hit of every failpoint, and sets how often to
// kill a busy daemon. It is set by make kills.
const manyLives = "VIGENTE_KILLS"

// life is one installation that is killed during a cold start, a renewal, the
// repair of a sink or a reload.
type life struct {
	*e2etest.World
	backend *registry
	client  *control.Client
	key     *[32]byte // seals the state; nil if it is not sealed
	present []string  // the configured credentials
	plan    []phase
	begun   map[string]time.Time // attempts that were in doubt after the crash
	drifted string               // what was removed from the sink ana
}

// phase is a part of a life. It ends when the daemon has settled.
type phase struct {
	name string
	act  func() error
}

func newLife(t testing.TB) *life {
	l := &life{World: &e2etest.World{T: t, Dir: t.TempDir()}, backend: newRegistry(t, time.Hour, killInterval), present: []string{"ana", "bia"}}
	l.client = control.NewClient(l.Path("c.sock"))
	l.key = &[32]byte{1, 2, 3, 0xfe}
	l.Write("key", string(l.key[:]))
	l.Write("password.ana", passwordOf("ana"))
	l.Write("password.bia", passwordOf("bia"))
	l.Write("till/appserver.ini", e2etest.IniBefore)
	l.Write("out/bia.env", "MINE=1\n")
	l.Write("out/linked", "")
	l.Write("hooks/.keep", "")
	if err := os.Mkdir(l.Path("names"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(l.Path("out/linked"), l.Path("names/linked")); err != nil {
		t.Fatal(err)
	}
	l.Configure(l.text(true))
	l.plan = []phase{
		{"cold start", func() error { return nil }},
		{"renewal", func() error { return l.renew("ana") }},
		{"drift", func() error { l.drifted = l.Read("out/ana"); return os.Remove(l.Path("out/ana")) }},
		{"reload", func() error {
			l.present = []string{"ana"}
			l.Configure(l.text(false))
			return l.Daemon.Cmd.Process.Signal(syscall.SIGHUP)
		}},
	}
	t.Cleanup(func() {
		if l.Daemon != nil {
			l.Kill()
			if t.Failed() {
				t.Logf("log of the last daemon:\n%s", l.Daemon.Log)
			}
		}
	})
	return l
}

// text returns the configuration, with bia or without.
func (l *life) text(bia bool) string {
	t := fmt.Sprintf("state_key = { file = \"{dir}/key\" }\n[renewal]\nmin_interval = %q\nmax_age = \"1d\"\ntimeout = \"5s\"\n", killInterval)
	for _, user := range []string{"ana", "bia"} {
		if user == "bia" && !bia {
			continue
		}
		t += fmt.Sprintf(`[providers.%[1]s]
type = "arqged"
url = %[2]q
username = %[1]q
password = { file = "{dir}/password.%[1]s" }
[credentials.%[1]s]
provider = %[1]q
token_minutes = 60
`, user, l.backend.url)
	}
	t += fmt.Sprintf(`[sinks.ana]
type = "file"
path = "{dir}/out/ana"
content = "${ana.token}"
on_change = %s
[sinks.till]
type = "ini"
path = "{dir}/till/appserver.ini"
section = "TSSOFFLINE"
values = { TOKEN = "${ana.token}" }
backup = true
[sinks.linked]
type = "file"
path = "{dir}/out/linked"
content = "${ana.token}"
`, l.hook("ana"))
	if bia {
		t += fmt.Sprintf(`[sinks.env]
type = "env"
path = "{dir}/out/bia.env"
values = { BIA = "${bia.token}" }
[sinks.both]
type = "file"
path = "{dir}/out/both"
content = "${ana.token} ${bia.token}"
on_change = %s
`, l.hook("both"))
	}
	return t
}

// hook returns a command that records what the sink's file holds when it runs.
func (l *life) hook(name string) string {
	return fmt.Sprintf(`{ command = ["/bin/sh", "-c", "read -r line < %[1]s/out/%[2]s; echo \"$line\" >> %[1]s/hooks/%[2]s"] }`, l.Dir, name)
}

// launchAs starts the daemon from a binary with additional environment
// variables.
func (l *life) launchAs(program func() (string, error), environ ...string) {
	l.T.Helper()
	l.Program, l.Environ = program, environ
	l.Launch()
}

// gone reports whether the daemon has exited.
func (l *life) gone() bool {
	select {
	case <-l.Daemon.Ended:
		return true
	default:
		return false
	}
}

func (l *life) renew(names ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), e2etest.Patience)
	defer cancel()
	return l.client.Renew(ctx, control.Selection{Names: names, All: len(names) == 0}, control.RenewOptions{}, silent{})
}

// silent is a progress display that shows nothing.
type silent struct{}

func (silent) Waiting(control.Waiting) {}
func (silent) Begin(int)               {}
func (silent) End(engine.RenewResult)  {}

// settled reports whether nothing is left to do.
func (l *life) settled() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	s, err := l.client.Select(ctx, engine.Query{})
	if err != nil || len(s.View.Credentials) != len(l.present) {
		return false
	}
	for _, c := range s.View.Credentials {
		if c.State != engine.Valid || c.Running {
			return false
		}
	}
	for _, k := range s.View.Sinks {
		if k.State != engine.Delivered || k.HookOwed || k.HookRunning {
			return false
		}
	}
	// Losses and renewals show up a moment later.
	return l.Read("out/ana") != "" && len(l.invalidTokens()) == 0
}

// walk goes through the phases and returns the one in which the daemon exited,
// or their number.
func (l *life) walk(between func(phase)) int {
	l.T.Helper()
	for i, p := range l.plan {
		between(p)
		err := p.act()
		l.Eventually(p.name+" has settled", func() bool { return l.gone() || l.settled() })
		if l.gone() {
			return i
		}
		if err != nil {
			l.T.Fatalf("%s: %v", p.name, err)
		}
	}
	return len(l.plan)
}

// hit is the nth time that a failpoint is passed.
type hit struct {
	point string
	count int
}

func (h hit) String() string { return h.point + "@" + strconv.Itoa(h.count) }

// discover runs through a whole life and returns the hits on the way, by phase.
func discover(t *testing.T) map[string][]hit {
	l := newLife(t)
	trace := l.Path("trace")
	l.launchAs(armed, "VIGENTE_FAILPOINT_TRACE="+trace)
	mark := func(p phase) {
		f, err := os.OpenFile(trace, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
		if err == nil {
			_, err = f.WriteString("# " + p.name + "\n")
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := l.walk(mark); n != len(l.plan) {
		t.Fatalf("the daemon exited by itself in phase %d: %v", n, l.Daemon.Status)
	}
	l.Kill()
	hits, counts, name := map[string][]hit{}, map[string]int{}, ""
	for line := range strings.Lines(l.Read("trace")) {
		line = strings.TrimSpace(line)
		if next, marked := strings.CutPrefix(line, "# "); marked {
			name = next
			continue
		}
		counts[line]++
		hits[name] = append(hits[name], hit{line, counts[line]})
	}
	return hits
}

// chosen returns the first and the last hit of a failpoint in each phase, or
// all of them in a long run.
func chosen(hits map[string][]hit) []hit {
	var out []hit
	for _, list := range hits {
		for i, h := range list {
			same := func(o hit) bool { return o.point == h.point }
			if os.Getenv(manyLives) != "" || !slices.ContainsFunc(list[:i], same) || !slices.ContainsFunc(list[i+1:], same) {
				out = append(out, h)
			}
		}
	}
	slices.SortFunc(out, func(a, b hit) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// livesAtOnce is how many installations run at the same time; they wait most of
// the time.
const livesAtOnce = 24

// TestKilledAtEveryPoint kills the daemon at every failpoint and starts it
// again.
func TestKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	hits := chosen(discover(t))
	if len(hits) < 50 {
		t.Fatalf("got only %d failpoints: %v", len(hits), hits)
	}
	next := make(chan hit)
	var all sync.WaitGroup
	var mu sync.Mutex
	var missed []string
	for range livesAtOnce {
		all.Go(func() {
			for h := range next {
				t.Run(strings.ReplaceAll(h.String(), " ", "_"), func(t *testing.T) {
					if !killedAt(t, h) {
						mu.Lock()
						defer mu.Unlock()
						missed = append(missed, h.String())
					}
				})
			}
		})
	}
	for _, h := range hits {
		next <- h
	}
	close(next)
	all.Wait()
	// How many commits share a sync, and which attempt comes first, varies.
	if len(missed) > len(hits)/5 {
		t.Errorf("%d of %d failpoints were not reached: %v", len(missed), len(hits), missed)
	}
	t.Logf("killed at %d failpoints; %d were not reached this time", len(hits)-len(missed), len(missed))
}

// killedAt runs through a life until it is killed, restarts, and checks the
// result. It reports whether the failpoint was reached.
func killedAt(t *testing.T, h hit) bool {
	l := newLife(t)
	l.launchAs(armed, "VIGENTE_FAILPOINT="+h.String(), "VIGENTE_FAILPOINT_TRACE="+l.Path("trace"))
	reached := l.walk(func(phase) {}) < len(l.plan)
	if !reached {
		l.Kill()
	} else if s, _ := l.Daemon.Cmd.ProcessState.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGKILL {
		t.Fatalf("the daemon exited by itself: %v\n%s", l.Daemon.Status, l.Daemon.Log)
	}
	l.Eventually("the backend has answered", l.backend.quiet)
	l.checkNotTorn()
	wants := l.checkState()
	before := l.counts()
	l.launchAs(e2etest.Binary)
	l.Eventually("it settles after the crash", func() bool {
		for user, n := range wants {
			if len(l.backend.calls(user)) < before[user]+n {
				return false // the old token looks valid until the minimum interval has passed
			}
		}
		return l.settled()
	})
	for user, n := range wants {
		if got := len(l.backend.calls(user)) - before[user]; got != n {
			t.Errorf("%s: got %d calls after the start, want %d", user, got, n)
		}
	}
	l.checkTokens()
	l.checkPace()
	l.nextRenewalUsesTheSeed()
	if code, _ := l.Stop(); code != 0 {
		t.Errorf("stop: got exit code %d, want 0", code)
	}
	l.checkTokens()
	l.checkCleanup()
	l.checkHooks(l.hooksInDoubt())
	for _, v := range l.backend.complaints() {
		t.Errorf("the backend complains: %s", v)
	}
	return reached
}

// nextRenewalUsesTheSeed renews once more: the last saved seed must be the last
// one issued.
func (l *life) nextRenewalUsesTheSeed() {
	l.T.Helper()
	before := l.counts()
	if err := l.renew("ana"); err != nil {
		l.T.Errorf("next renewal: %v", err)
	}
	l.Eventually("the next renewal has settled", l.settled)
	for user, n := range before {
		calls := l.backend.calls(user)[n:]
		if user == "ana" && !slices.Equal(calls, []string{"RefreshToken"}) || user != "ana" && len(calls) != 0 {
			l.T.Errorf("next renewal: %s made the calls %q", user, calls)
		}
	}
}

// hooksInDoubt is 1 if the daemon exited between the start of a delivery and
// the record of its hook: a hook may then run once more than needed.
func (l *life) hooksInDoubt() int {
	hits := map[string]int{}
	for line := range strings.Lines(l.Read("trace")) {
		hits[strings.TrimSpace(line)]++
	}
	if hits["deliver begun"] == hits["deliver saved"] && hits["hook begun"] == hits["hook saved"] {
		return 0
	}
	return 1
}

// TestNormalBinaryHasNoPoint searches the binary for failpoints. The other
// binary proves that the search can find them.
func TestNormalBinaryHasNoPoint(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"VIGENTE_FAILPOINT", "obtain intent saved", "file in place written"} {
		for program, want := range map[*func() (string, error)]bool{&e2etest.Binary: false, &armed: true} {
			file, err := (*program)()
			if err != nil {
				t.Fatal(err)
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(string(data), name); got != want {
				t.Errorf("%s: contains %q: got %t, want %t", filepath.Base(file), name, got, want)
			}
		}
	}
}

// TestCrashLoopKeepsTheMinimumInterval kills each start right after its first
// answer. No start may call sooner than the minimum interval allows, or use a
// seed that may be spent.
func TestCrashLoopKeepsTheMinimumInterval(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	const starts = 3
	for range starts {
		l.launchAs(armed, "VIGENTE_FAILPOINT=obtain answered")
		l.Eventually("it is killed", l.gone)
		l.Eventually("the backend has answered", l.backend.quiet)
		l.checkNotTorn()
		l.checkState()
	}
	total := len(l.backend.calls("ana")) + len(l.backend.calls("bia"))
	if total < starts || total > 2*starts {
		t.Errorf("got %d calls of two credentials in %d starts, want at most one per start and credential", total, starts)
	}
	owed := l.checkState()
	l.launchAs(e2etest.Binary)
	l.Eventually("it settles", func() bool {
		return len(l.backend.calls("ana"))+len(l.backend.calls("bia")) >= total+owed["ana"]+owed["bia"] && l.settled()
	})
	l.checkTokens()
	l.checkPace()
	l.nextRenewalUsesTheSeed()
	if code, _ := l.Stop(); code != 0 {
		t.Errorf("stop: got exit code %d, want 0", code)
	}
	l.checkCleanup()
	l.checkHooks(starts)
	for _, v := range l.backend.complaints() {
		t.Errorf("the backend complains: %s", v)
	}
}
