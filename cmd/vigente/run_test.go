package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/internal/process"
	"github.com/vigented/vigente/providers/emulation"
)

func TestRunEndsWellOnSignals(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		w := newWorld(t)
		w.service.run = func(ctx context.Context) error {
			if err := syscall.Kill(os.Getpid(), signal); err != nil {
				return err
			}
			<-ctx.Done()
			return context.Cause(ctx)
		}
		if got := w.do(t.Context(), "run"); got.code != 0 || got.err != "" {
			t.Errorf("%v: %+v", signal, got)
		}
		if w.hardened != 1 {
			t.Errorf("the process was hardened %d times", w.hardened)
		}
	}
}

func TestRunReloadsOnHangup(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	w.service.run = func(ctx context.Context) error {
		for range 2 {
			if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
				return err
			}
			<-w.service.reloads
		}
		stop()
		<-ctx.Done()
		return nil
	}
	if got := w.do(ctx, "run"); got.code != 0 {
		t.Errorf("%+v", got)
	}
}

// TestRunEndsInAStartThatHangs: the state or the configuration lies on a disk
// that does not answer.
func TestRunEndsInAStartThatHangs(t *testing.T) {
	w := newWorld(t)
	hangs := make(chan struct{})
	defer close(hangs)
	w.open = func(daemon.Options) (service, error) {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return nil, err
		}
		<-hangs
		return w.service, nil
	}
	if got := w.do(t.Context(), "run"); got.code != 0 || got.err != "" {
		t.Errorf("%+v", got)
	}
}

// TestMain is also the daemon of TestDaemonOutlivesTheReaderOfItsLog.
func TestMain(m *testing.M) {
	time.Local = time.UTC // what is compared word for word has local times in it
	if os.Getenv("VIGENTE_TEST_LOG_WITHOUT_READER") == "" {
		os.Exit(m.Run())
	}
	ctx, stop := context.WithCancel(context.Background())
	d := &fakeService{run: func(context.Context) error {
		for range 3 {
			_, _ = os.Stderr.WriteString("a line\n") // EPIPE, and by default SIGPIPE
		}
		stop()
		return nil
	}}
	os.Exit(Main(ctx, &Process{
		Args: []string{"run", "-c", "/nonexistent"}, Getenv: os.Getenv, Stdout: os.Stdout, Stderr: os.Stderr,
		open:   func(daemon.Options) (service, error) { return d, nil },
		harden: func() (*process.Runner, error) { return nil, nil },
	}))
}

// TestDaemonOutlivesTheReaderOfItsLog needs a process of its own: the default
// action of a broken pipe is the end of it.
func TestDaemonOutlivesTheReaderOfItsLog(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), "VIGENTE_TEST_LOG_WITHOUT_READER=1")
	child.Stderr = writer
	_ = reader.Close()
	err = child.Run()
	_ = writer.Close()
	if err != nil {
		t.Errorf("the daemon ended with %v", err)
	}
}

// TestRunSurvivesEarlySignals sends a signal while the daemon is being opened:
// its default action would kill the test.
func TestRunSurvivesEarlySignals(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	open := w.open
	w.open = func(opt daemon.Options) (service, error) {
		if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
			return nil, err
		}
		return open(opt)
	}
	w.service.run = func(ctx context.Context) error {
		<-w.service.reloads // the early hangup is not lost
		stop()
		<-ctx.Done()
		// One more, while it ends, is not fatal either.
		return syscall.Kill(os.Getpid(), syscall.SIGHUP)
	}
	if got := w.do(ctx, "run"); got.code != 0 {
		t.Errorf("%+v", got)
	}
}

func TestRunThatBreaksFails(t *testing.T) {
	for _, err := range []error{errors.New("listen: address in use"), nil} {
		w := newWorld(t)
		w.service.run = func(context.Context) error { return err }
		got := w.do(t.Context(), "run")
		if got.code != 1 || !strings.HasPrefix(got.err, "vigente: ") {
			t.Errorf("%v: %+v", err, got)
		}
	}
	w := newWorld(t)
	w.service.run = func(ctx context.Context) error {
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			return err
		}
		<-ctx.Done()
		return errors.New("the state could not be saved")
	}
	if got := w.do(t.Context(), "run"); got.code != 1 || !strings.Contains(got.err, "could not be saved") {
		t.Errorf("a failure at the end: %+v", got)
	}
}

func TestRunNeedsTheProcessHardened(t *testing.T) {
	w := newWorld(t)
	w.harden = func() (*process.Runner, error) { return nil, errors.New("not allowed") }
	if got := w.do(t.Context(), "run"); got.code != 1 || w.opened.ConfigPath != "" {
		t.Errorf("%+v", got)
	}
}

func TestOnce(t *testing.T) {
	w := newWorld(t)
	w.service.view = healthy()
	if got := w.do(t.Context(), "run", "--once"); got.code != 0 || got.err != "" {
		t.Errorf("%+v", got)
	}
	w.service.view = troubled()
	got := w.do(t.Context(), "run", "--once")
	want := "credential cofre: parked: the client secret was refused\ncredential novo: pending: nothing obtained yet\n" +
		"sink api: failing: the folder is not writable\nstate: cannot be saved: no space left on device\n"
	if got.code != 1 || got.err != want {
		t.Errorf("%+v, want %q", got, want)
	}
	w.service.view = healthy()
	w.service.view.StateError = "input/output error"
	if got := w.do(t.Context(), "run", "--once"); got.code != 1 || got.err != "state: cannot be saved: input/output error\n" {
		t.Errorf("what was obtained is lost, and it says %+v", got)
	}
	w.service.view.StateError, w.service.config.Fleets = "", []view.Fleet{{Name: "shops", Problem: "shops.csv:1: does not exist"}}
	if got := w.do(t.Context(), "run", "--once"); got.code != 1 || got.err != "fleet shops: empty, because its table cannot be used: shops.csv:1: does not exist\n" {
		t.Errorf("a fleet without its table: %+v", got)
	}
	w.service.onceErr = context.Canceled
	if got := w.do(t.Context(), "run", "--once"); got.code != 1 {
		t.Errorf("cut short: %+v", got)
	}
}

// TestOnceTellsWhenToTryAgain runs a job inside the minimum interval: it calls
// nothing, and must not pass off the failure before as one of its own.
func TestOnceTellsWhenToTryAgain(t *testing.T) {
	now := time.Now()
	for name, tt := range map[string]struct {
		failed time.Time
		want   string
	}{
		"failed in this run":       {now.Add(time.Hour), "credential loja: next attempt from "},
		"failed in the one before": {now.Add(-time.Second), "credential loja: not tried in this run; next attempt from "},
	} {
		w := newWorld(t)
		w.service.view = engine.View{At: now, Credentials: []engine.CredentialView{{
			Name: "loja", State: engine.Pending, NextAttemptAt: now.Add(20 * time.Second), NextReason: "retry after a failure",
			LastError: &schedule.Note{Reason: "network", Message: "no connection", At: tt.failed},
		}}}
		got := w.do(t.Context(), "run", "--once")
		_, line, _ := strings.Cut(strings.TrimSpace(got.err), "\n")
		if want := tt.want + view.Local(now.Add(20*time.Second)) + ": retry after a failure"; got.code != exitFailed || line != want {
			t.Errorf("%s: got exit code %d and %q, want 1 and %q", name, got.code, line, want)
		}
	}
}

func TestRunHandsTheLogOver(t *testing.T) {
	w := newWorld(t)
	w.write(t, "[log]\nlevel = \"debug\"\n")
	w.service.run = func(context.Context) error {
		w.opened.Logger.Debug("seen")
		w.opened.LogLevel.SetLevel(zap.WarnLevel)
		w.opened.Logger.Info("not seen")
		return errors.New("end")
	}
	got := w.do(t.Context(), "run")
	first, rest, _ := strings.Cut(got.err, "\n")
	var line map[string]any
	if err := json.Unmarshal([]byte(first), &line); err != nil || line["msg"] != "seen" || line["level"] != "debug" {
		t.Errorf("%q: %v", first, err)
	}
	if rest != "vigente: end\n" {
		t.Errorf("then %q", rest)
	}
}

func TestServiceManagerIsTold(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.dir, "notify")
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer manager.Close()
	t.Setenv("NOTIFY_SOCKET", path)
	t.Setenv("WATCHDOG_USEC", "30000000")
	w.Getenv = os.Getenv
	w.service.run = func(context.Context) error { w.opened.Notify("READY=1"); return errors.New("end") }
	w.do(t.Context(), "run")
	var message [64]byte
	n, err := manager.Read(message[:])
	if err != nil || string(message[:n]) != "READY=1" {
		t.Errorf("%q %v", message[:n], err)
	}
	if w.opened.WatchdogEvery != 30*time.Second {
		t.Errorf("the watchdog wants a sign every %v", w.opened.WatchdogEvery)
	}
	_ = manager.Close()
	w.service.run = func(context.Context) error { w.opened.Notify("READY=1"); return errors.New("end") }
	if got := w.do(t.Context(), "run"); !strings.Contains(got.err, "service manager not told") {
		t.Errorf("a manager that is gone: %+v", got)
	}
}

func TestNoServiceManagerNoMessages(t *testing.T) {
	w := newWorld(t)
	w.service.run = func(context.Context) error { return errors.New("end") }
	w.do(t.Context(), "run")
	if w.opened.Notify != nil || w.opened.WatchdogEvery != 0 {
		t.Error("a service manager was notified, want none")
	}
}

func TestLoggerFormats(t *testing.T) {
	a := &app{Process: &Process{Getenv: func(string) string { return "" }}}
	write := func(log config.Log) string {
		var out bytes.Buffer
		logger := a.newLogger(log, &out)
		logger.Info("credential renewed", zap.String("credential", "loja"), zap.Duration("took", 1500*time.Millisecond))
		logger.Debug("quiet")
		if err := logger.Sync(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for _, format := range []string{"auto", "json", ""} {
		var line struct {
			Time, Level, Msg, Credential string
			Took                         float64
		}
		text := write(config.Log{Level: "info", Format: format})
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("%s: %v in %s", format, err, text)
		}
		if line.Level != "info" || line.Msg != "credential renewed" || line.Credential != "loja" || line.Took != 1.5 {
			t.Errorf("%s: %s", format, text)
		}
		if at, err := time.Parse("2006-01-02T15:04:05.000Z", line.Time); err != nil || time.Since(at).Abs() > time.Hour {
			t.Errorf("%s: the time is %s", format, line.Time)
		}
	}
	if text := write(config.Log{Level: "info", Format: "console"}); !strings.Contains(text, "\tINFO\tcredential renewed\t{\"credential\": \"loja\", \"took\": \"1.5s\"}\n") {
		t.Errorf("console: %q", text)
	}
	if text := write(config.Log{Level: "nonsense"}); strings.Count(text, "\n") != 1 {
		t.Errorf("an unknown level: %q", text)
	}
}

func TestEmulate(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out, in := io.Pipe()
	p := w.Process
	p.Args, p.Stdout, p.Stderr = []string{"emulate", "tss", "senhasegura", "--fault", "empty=2"}, in, io.Discard
	ended := make(chan int, 1)
	go func() { ended <- Main(ctx, &p); _ = in.Close() }()
	lines := bufio.NewScanner(out)
	var addresses []string
	for len(addresses) < 2 && lines.Scan() {
		if kind, address, ok := strings.Cut(lines.Text(), "  http://"); ok && (kind == "tss" || kind == "senhasegura") {
			addresses = append(addresses, "http://"+address)
		}
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if len(addresses) != 2 {
		t.Fatalf("found %v", addresses)
	}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {emulatedClient}, "client_secret": {emulatedSecret}}
	for i, want := range []string{"", "", "access_token"} {
		answer, err := http.PostForm(addresses[1]+"/iso/oauth2/token", form)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if !strings.Contains(string(body), want) || want == "" && len(body) > 0 {
			t.Errorf("answer %d is %q", i, body)
		}
	}
	stop()
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// recorder is an emulator that notes its switches.
type recorder struct {
	http.Handler
	has, set []string
}

func (r *recorder) Faults() []emulation.FaultSwitch {
	var list []emulation.FaultSwitch
	for _, name := range r.has {
		list = append(list, emulation.FaultSwitch{Name: name})
	}
	return list
}

func (r *recorder) SetFault(name string, times int) error {
	r.set = append(r.set, name+" "+strconv.Itoa(times))
	return nil
}

func TestFaultsAreSwitchedOnWhereTheyExist(t *testing.T) {
	first, second := &recorder{has: []string{"slow", "cut"}}, &recorder{has: []string{"slow"}}
	emulators := []instance{{emulator: first}, {emulator: second}}
	for _, fault := range []string{"slow", "cut=3"} {
		if err := switchOn(emulators, fault); err != nil {
			t.Error(err)
		}
	}
	if !slices.Equal(first.set, []string{"slow -1", "cut 3"}) || !slices.Equal(second.set, []string{"slow -1"}) {
		t.Errorf("%v %v", first.set, second.set)
	}
}

func TestEmulatePorts(t *testing.T) {
	for _, tt := range []struct {
		listen string
		place  int
		want   string
	}{
		{"127.0.0.1:0", 3, "127.0.0.1:0"},
		{"127.0.0.1:18080", 0, "127.0.0.1:18080"},
		{"[::1]:18080", 2, "[::1]:18082"},
	} {
		if got, err := nextAddress(tt.listen, tt.place); err != nil || got != tt.want {
			t.Errorf("%s at %d: %s %v", tt.listen, tt.place, got, err)
		}
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	if _, err := setUp([]string{"senhasegura", "tss"}, emulateOptions{listen: taken.Addr().String()}); err == nil {
		t.Error("a port in use was used again")
	}
}

func TestVersion(t *testing.T) {
	got := newWorld(t).do(t.Context(), "version")
	if got.code != 0 || !strings.HasPrefix(got.out, "vigente ") || !strings.Contains(got.out, "go1.") {
		t.Errorf("%+v", got)
	}
}
