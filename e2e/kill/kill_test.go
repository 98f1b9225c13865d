package kill

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
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
	started time.Time            // the last daemon
}

// phase is a part of a life. It ends when the daemon has settled; after it has
// written the sink ana if the phase makes it do so, because until then it may not
// have noticed that there is something to do.
type phase struct {
	name   string
	act    func() error
	writes bool
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
		{"cold start", func() error { return nil }, true},
		{"renewal", func() error { return l.renew("ana") }, true},
		{"drift", func() error { l.drifted = l.Read("out/ana"); return os.Remove(l.Path("out/ana")) }, true},
		{"reload", func() error {
			l.present = []string{"ana"}
			l.Configure(l.text(false))
			return l.Daemon.Cmd.Process.Signal(syscall.SIGHUP)
		}, false},
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
	l.Program, l.Environ, l.started = program, environ, time.Now()
	l.Launch()
}

// endsSoon waits a moment for the daemon to exit: the last commits of a life come
// when nothing is left to do.
func (l *life) endsSoon() bool {
	select {
	case <-l.Daemon.Ended:
		return true
	case <-time.After(5 * time.Second):
		return false
	}
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
func (l *life) settled() bool { return l.settledSince(time.Time{}) }

// settledSince reports whether nothing is left to do, and the sink ana was written
// since.
func (l *life) settledSince(from time.Time) bool {
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
		if k.State != engine.Delivered || k.HookOwed || k.HookRunning || k.Name == "ana" && k.LastDeliveredAt.Before(from) {
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
		var from time.Time // the cold start began with the daemon
		if p.writes && i > 0 {
			from = time.Now()
		}
		err := p.act()
		l.Eventually(p.name+" has settled", func() bool { return l.gone() || l.settledSince(from) })
		if l.gone() {
			return i
		}
		if err != nil {
			l.T.Fatalf("%s: %v", p.name, err)
		}
	}
	return len(l.plan)
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
	var missed []hit
	for range livesAtOnce {
		all.Go(func() {
			for h := range next {
				t.Run(strings.ReplaceAll(h.String(), " ", "_"), func(t *testing.T) {
					if !killedAt(t, h) {
						mu.Lock()
						defer mu.Unlock()
						missed = append(missed, h)
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
	if never := uncovered(hits, missed); len(never) > 0 {
		t.Errorf("%d failpoints were never reached in their part: %v", len(never), never)
	}
	t.Logf("killed at %d hits; %d were not reached this time: %v", len(hits)-len(missed), len(missed), missed)
}

// killedAt runs through a life until it is killed, restarts, and checks the
// result. It reports whether the failpoint was reached.
func killedAt(t *testing.T, h hit) bool {
	l := newLife(t)
	l.launchAs(armed, append(h.environ(l.Path("since")), "VIGENTE_FAILPOINT_TRACE="+l.Path("trace"))...)
	reached := l.walk(func(p phase) {
		if p.name == h.part {
			l.Write("since", "")
		}
	}) < len(l.plan) || l.endsSoon()
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
