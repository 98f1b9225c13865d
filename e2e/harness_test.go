package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary = sync.OnceValues(func() (string, error) { return build("vigente") })

// workshop is where binaries are built.
var workshop = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "vigente-e2e-") })

func build(name string, flags ...string) (string, error) {
	dir, err := workshop()
	if err != nil {
		return "", err
	}
	name = filepath.Join(dir, name)
	args := append(append([]string{"build"}, flags...), "-o", name, "../cmd/vigente")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return name, nil
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := workshop(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// patience bounds every wait for something that must happen.
const patience = 20 * time.Second

// world is one installation: a folder, a configuration, perhaps a daemon.
type world struct {
	t       testing.TB
	dir     string
	listen  string
	daemon  *process
	environ []string
	program func() (string, error) // binary unless set
}

// process is a running daemon.
type process struct {
	cmd    *exec.Cmd
	log    *buffer
	ended  chan struct{}
	status error
}

// buffer collects output from several writers.
type buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// newWorld makes a folder with a configuration. In text, {dir} stands for the
// folder.
func newWorld(t testing.TB, text string) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), listen: freePort(t)}
	w.configure(text)
	t.Cleanup(func() {
		if w.daemon != nil {
			w.kill()
		}
		if t.Failed() && w.daemon != nil {
			t.Logf("log of the daemon:\n%s", w.daemon.log)
		}
	})
	return w
}

func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// configure replaces the configuration in one step. The text goes on in the
// table of the daemon.
func (w *world) configure(text string) {
	w.t.Helper()
	head := "[log]\nlevel = \"debug\"\n[daemon]\nstate_dir = \"{dir}/state\"\ncontrol_socket = \"{dir}/c.sock\"\nlisten = \"" + w.listen + "\"\n"
	w.write("config.toml.new", strings.ReplaceAll(head+text, "{dir}", w.dir))
	if err := os.Rename(w.path("config.toml.new"), w.path("config.toml")); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) path(name string) string { return filepath.Join(w.dir, name) }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(w.path(name)), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(name string) string {
	data, err := os.ReadFile(w.path(name))
	if err != nil {
		return ""
	}
	return string(data)
}

// command makes one call of the binary.
func (w *world) command(ctx context.Context, args ...string) *exec.Cmd {
	w.t.Helper()
	program := binary
	if w.program != nil {
		program = w.program
	}
	name, err := program()
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, name, append(args, "-c", w.path("config.toml"))...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir}, w.environ...)
	return cmd
}

// run makes one call to its end.
func (w *world) run(args ...string) (code int, stdout, stderr string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	cmd := w.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), errs.String()
	}
	if err != nil {
		w.t.Fatalf("vigente %s: %v", strings.Join(args, " "), err)
	}
	return 0, out.String(), errs.String()
}

// start runs the daemon until it answers on its socket.
func (w *world) start() {
	w.t.Helper()
	w.launch()
	w.eventually("the daemon answers", func() bool {
		select {
		case <-w.daemon.ended:
			w.t.Fatalf("the daemon ended at once: %v\n%s", w.daemon.status, w.daemon.log)
		default:
		}
		code, _, _ := w.run("status")
		return code == 0
	})
}

// launch runs the daemon.
func (w *world) launch() {
	w.t.Helper()
	cmd := w.command(context.Background(), "run")
	p := &process{cmd: cmd, log: &buffer{}, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.log, p.log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { p.status = cmd.Wait(); close(p.ended) }()
	w.daemon = p
}

func (w *world) signal(s os.Signal) {
	w.t.Helper()
	if err := w.daemon.cmd.Process.Signal(s); err != nil {
		w.t.Fatal(err)
	}
}

// stop ends the daemon as systemd does and returns its exit code and how long
// that took.
func (w *world) stop() (code int, took time.Duration) {
	w.t.Helper()
	begun := time.Now()
	w.signal(syscall.SIGTERM)
	select {
	case <-w.daemon.ended:
	case <-time.After(patience):
		w.t.Fatal("the daemon does not end")
	}
	return w.daemon.cmd.ProcessState.ExitCode(), time.Since(begun)
}

// kill ends the daemon at once, as a crash does.
func (w *world) kill() {
	_ = w.daemon.cmd.Process.Kill()
	<-w.daemon.ended
}

// eventually waits for a condition that something outside brings about.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain: %s", what)
		}
		<-tick.C
	}
}

// snapshot is the documented answer of status --json.
type snapshot struct {
	Format int
	Config struct {
		Hash      string
		LoadedAt  string `json:"loaded_at"`
		LastError string `json:"last_error"`
	}
	Credentials []struct {
		Name, Provider, Type, State string
		Generation                  int
		IssuedAt                    string `json:"issued_at"`
		ExpiresAt                   string `json:"expires_at"`
		NextAttemptAt               string `json:"next_attempt_at"`
		Failures                    int
		LastError                   struct{ Reason, Message, At string } `json:"last_error"`
	}
	Sinks []struct {
		Name, Type, Path, State string
		Delivered               map[string]int
		LastError               struct{ Reason, Message, At string } `json:"last_error"`
	}
}

func (w *world) status() snapshot {
	w.t.Helper()
	code, out, errs := w.run("status", "--json")
	if code != 0 {
		w.t.Fatalf("status exits %d: %s", code, errs)
	}
	var s snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		w.t.Fatalf("status is no JSON: %v\n%s", err, out)
	}
	return s
}

// states returns the state of every credential and sink by name.
func (s snapshot) states() map[string]string {
	out := map[string]string{}
	for _, c := range s.Credentials {
		out[c.Name] = c.State
	}
	for _, k := range s.Sinks {
		out[k.Name] = k.State
	}
	return out
}

// get asks the daemon's HTTP.
func (w *world) get(path string) (code int, body string) {
	resp, err := http.Get("http://" + w.listen + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data)
}

// serve puts a backend on loopback for the length of the test.
func serve(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
