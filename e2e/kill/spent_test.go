package kill

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// spender is an installation whose one credential lives on a refresh token that
// works once: the server ends the whole family when it sees one again.
type spender struct {
	*e2etest.World
	server *emulator.Server
}

const (
	spenderClient = "loja-1"
	spenderSecret = "5f4dcc3b5aa765d61d8327deb882cf99"
	spenderSeed   = "seed-that-a-person-brought"
)

const spenderConfig = `
[renewal]
min_interval = "600ms"
timeout = "5s"
[providers.login]
type = "oauth2"
token_url = "BASE/token"
client_id = "loja-1"
client_secret = { file = "{dir}/secret" }
[credentials.sales]
provider = "login"
grant = "refresh_token"
[sinks.out]
type = "file"
path = "{dir}/out"
content = "${sales.access_token}"
`

func newSpender(t *testing.T) *spender {
	t.Helper()
	server := emulator.New(emulator.Settings{Clients: []emulator.Client{{ID: spenderClient, Secret: spenderSecret}}}, nil)
	server.Plant(spenderSeed, spenderClient, "")
	s := &spender{&e2etest.World{T: t, Dir: t.TempDir()}, server}
	s.Write("secret", spenderSecret)
	s.Configure(strings.ReplaceAll(spenderConfig, "BASE", e2etest.Serve(t, server)))
	t.Cleanup(func() {
		if s.Daemon != nil {
			s.Kill()
			if t.Failed() {
				t.Logf("log of the last daemon:\n%s", s.Daemon.Log)
			}
		}
	})
	return s
}

func (s *spender) launchAs(program func() (string, error), environ ...string) {
	s.T.Helper()
	s.Program, s.Environ = program, environ
	s.Launch()
	s.Eventually("it answers, or has ended", func() bool { code, _, _ := s.Run("status"); return code == 0 || s.gone() })
}

func (s *spender) gone() bool {
	select {
	case <-s.Daemon.Ended:
		return true
	default:
		return false
	}
}

// login brings the refresh token, as a person does.
func (s *spender) login() int {
	s.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), e2etest.Patience)
	defer cancel()
	cmd := s.Command(ctx, "login", "sales", "--refresh-token", "-")
	cmd.Stdin, cmd.Stderr = strings.NewReader(spenderSeed+"\n"), &bytes.Buffer{}
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode()
}

// walk logs in and renews twice, until the daemon is killed on the way.
func (s *spender) walk(mark func(string)) {
	s.T.Helper()
	mark("login")
	if s.login(); !s.gone() {
		s.Eventually("the login's token is delivered", func() bool { return s.gone() || s.server.Active(s.Read("out")) })
	}
	for range 2 {
		if s.gone() {
			return
		}
		mark("renewal")
		_, _, _ = s.Run("renew", "sales")
	}
}

// TestKilledWhileASeedIsSpent ends the daemon at every point on its way through
// a login and two renewals with a refresh token that works once, and starts it
// again: while a token is in force no spent one is shown, and it stays delivered.
func TestKilledWhileASeedIsSpent(t *testing.T) {
	t.Parallel()
	hits := spentHits(t)
	next := make(chan hit)
	var all sync.WaitGroup
	var mu sync.Mutex
	kept, unreached := 0, 0
	for range livesAtOnce / 4 {
		all.Go(func() {
			for h := range next {
				t.Run(strings.ReplaceAll(h.String(), " ", "_"), func(t *testing.T) {
					reached, back := killedWhileSpending(t, h)
					mu.Lock()
					defer mu.Unlock()
					if !reached {
						unreached++
					}
					if back {
						kept++
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
	if len(hits) < 15 || unreached > len(hits)/4 || kept == 0 {
		t.Errorf("%d points, %d not reached, a seed was kept back after %d of them", len(hits), unreached, kept)
	}
	t.Logf("%d points, %d not reached, a seed was kept back after %d of them", len(hits), unreached, kept)
}

// spentHits are the points on the way, the first and the last hit of each.
func spentHits(t *testing.T) []hit {
	t.Helper()
	s := newSpender(t)
	s.launchAs(armed, "VIGENTE_FAILPOINT_TRACE="+s.Path("trace"))
	parts := map[string][]hit{}
	counts := map[string]int{}
	part, read := "start", 0
	collect := func(next string) {
		text := s.Read("trace")
		for line := range strings.Lines(text[read:]) {
			line = strings.TrimSpace(line)
			counts[line]++
			parts[part] = append(parts[part], hit{line, counts[line]})
		}
		part, read = next, len(text)
	}
	s.walk(collect)
	collect("")
	s.Kill()
	return chosen(parts)
}

// killedWhileSpending kills it at one point, and looks at the next life. It
// reports whether the point was reached, and whether the seed was kept back.
func killedWhileSpending(t *testing.T, h hit) (reached, kept bool) {
	s := newSpender(t)
	s.launchAs(armed, "VIGENTE_FAILPOINT="+h.String())
	s.walk(func(string) {})
	if reached = s.gone(); !reached {
		s.Kill()
	} else if w, _ := s.Daemon.Cmd.ProcessState.Sys().(syscall.WaitStatus); w.Signal() != syscall.SIGKILL {
		t.Fatalf("the daemon ended by itself: %v\n%s", s.Daemon.Status, s.Daemon.Log)
	}
	held := s.Read("out")
	spentBefore := s.server.Counts().Refreshes
	s.launchAs(e2etest.Binary)
	state := ""
	s.Eventually("the next life knows where it is", func() bool {
		state = s.Status().States()["sales"]
		return state != "pending" || s.server.Active(s.Read("out"))
	})
	if state == "parked" && held == "" {
		return reached, s.startsAnew(spentBefore)
	}
	if held != "" && !s.server.Active(s.Read("out")) {
		t.Errorf("the token in force was lost: %+v", s.server.Counts())
	}
	code, _, errs := s.Run("renew", "sales")
	kept = strings.Contains(errs, "--force")
	if code != 0 && !kept {
		t.Errorf("renew exits %d: %s", code, errs)
	}
	if n := s.server.Counts(); n.Reused > 0 {
		t.Errorf("a spent seed was shown while a token was in force: %+v", n)
	}
	s.Eventually("a token in force is delivered", func() bool { return s.server.Active(s.Read("out")) })
	if code, took := s.Stop(); code != 0 {
		t.Errorf("it stops with %d after %s", code, took.Round(time.Millisecond))
	}
	return reached, kept
}

// startsAnew is the life after a crash before any token was delivered: the login
// is not durable, or was used up by an answer that was lost. A person brings
// another one.
func (s *spender) startsAnew(spent int) bool {
	s.T.Helper()
	if n := s.server.Counts(); n.Reused > 1 || n.Reused > spent {
		s.T.Errorf("the seed of the login was shown again and again: %+v", n)
	}
	if spent > 0 {
		return false
	}
	if code := s.login(); code != 0 {
		s.T.Errorf("the login is taken with %d", code)
	}
	s.Eventually("its token is delivered", func() bool { return s.server.Active(s.Read("out")) })
	return false
}
