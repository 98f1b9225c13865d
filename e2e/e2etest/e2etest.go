// Package e2etest is what the end-to-end tests share: the built binary, a folder
// with its configuration, a daemon in it, and what one asks of it.
package e2etest

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

// Binary is the program under test, built once.
var Binary = sync.OnceValues(func() (string, error) { return Build("vigente") })

// workshop is where binaries are built.
var workshop = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "vigente-e2e-") })

func Build(name string, flags ...string) (string, error) {
	dir, err := workshop()
	if err != nil {
		return "", err
	}
	name = filepath.Join(dir, name)
	args := append(append([]string{"build"}, flags...), "-o", name, "github.com/vigented/vigente/cmd/vigente")
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return name, nil
}

// Main runs the tests of a package and removes the binaries that they built.
func Main(m *testing.M) int {
	code := m.Run()
	if dir, err := workshop(); err == nil {
		_ = os.RemoveAll(dir)
	}
	return code
}

// Patience bounds every wait for something that must happen.
const Patience = 20 * time.Second

// World is one installation: a folder, a configuration, perhaps a daemon.
type World struct {
	T       testing.TB
	Dir     string
	Listen  string
	Daemon  *Process
	Environ []string
	Program func() (string, error) // binary unless set
}

// Process is a running daemon.
type Process struct {
	Cmd    *exec.Cmd
	Log    *Buffer
	Ended  chan struct{}
	Status error
}

// Buffer collects output from several writers.
type Buffer struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.data.String()
}

// NewWorld makes a folder with a configuration. In text, {dir} stands for the
// folder.
func NewWorld(t testing.TB, text string) *World {
	t.Helper()
	w := &World{T: t, Dir: t.TempDir(), Listen: FreePort(t)}
	w.Configure(text)
	t.Cleanup(func() {
		if w.Daemon != nil {
			w.Kill()
		}
		if t.Failed() && w.Daemon != nil {
			t.Logf("log of the daemon:\n%s", w.Daemon.Log)
		}
	})
	return w
}

func FreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Configure replaces the configuration in one step. The text goes on in the
// table of the daemon.
func (w *World) Configure(text string) {
	w.T.Helper()
	head := "[log]\nlevel = \"debug\"\n[daemon]\nstate_dir = \"{dir}/state\"\ncontrol_socket = \"{dir}/c.sock\"\nlisten = \"" + w.Listen + "\"\n"
	w.Write("config.toml.new", strings.ReplaceAll(head+text, "{dir}", w.Dir))
	if err := os.Rename(w.Path("config.toml.new"), w.Path("config.toml")); err != nil {
		w.T.Fatal(err)
	}
}

func (w *World) Path(name string) string { return filepath.Join(w.Dir, name) }

func (w *World) Write(name, text string) {
	w.T.Helper()
	if err := os.MkdirAll(filepath.Dir(w.Path(name)), 0o755); err != nil {
		w.T.Fatal(err)
	}
	if err := os.WriteFile(w.Path(name), []byte(text), 0o600); err != nil {
		w.T.Fatal(err)
	}
}

func (w *World) Read(name string) string {
	data, err := os.ReadFile(w.Path(name))
	if err != nil {
		return ""
	}
	return string(data)
}

// Command makes one call of the binary.
func (w *World) Command(ctx context.Context, args ...string) *exec.Cmd {
	w.T.Helper()
	program := Binary
	if w.Program != nil {
		program = w.Program
	}
	name, err := program()
	if err != nil {
		w.T.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, name, append(args, "-c", w.Path("config.toml"))...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + w.Dir}, w.Environ...)
	return cmd
}

// Run makes one call to its end.
func (w *World) Run(args ...string) (code int, stdout, stderr string) {
	w.T.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*Patience)
	defer cancel()
	cmd := w.Command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode(), out.String(), errs.String()
	}
	if err != nil {
		w.T.Fatalf("vigente %s: %v", strings.Join(args, " "), err)
	}
	return 0, out.String(), errs.String()
}

// Start runs the daemon until it answers on its socket.
func (w *World) Start() {
	w.T.Helper()
	w.Launch()
	w.Eventually("the daemon answers", func() bool {
		select {
		case <-w.Daemon.Ended:
			w.T.Fatalf("the daemon ended at once: %v\n%s", w.Daemon.Status, w.Daemon.Log)
		default:
		}
		code, _, _ := w.Run("status")
		return code == 0
	})
}

// Launch runs the daemon.
func (w *World) Launch() {
	w.T.Helper()
	cmd := w.Command(context.Background(), "run")
	p := &Process{Cmd: cmd, Log: &Buffer{}, Ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.Log, p.Log
	if err := cmd.Start(); err != nil {
		w.T.Fatal(err)
	}
	go func() { p.Status = cmd.Wait(); close(p.Ended) }()
	w.Daemon = p
}

func (w *World) Signal(s os.Signal) {
	w.T.Helper()
	if err := w.Daemon.Cmd.Process.Signal(s); err != nil {
		w.T.Fatal(err)
	}
}

// Stop ends the daemon as systemd does and returns its exit code and how long
// that took.
func (w *World) Stop() (code int, took time.Duration) {
	w.T.Helper()
	begun := time.Now()
	w.Signal(syscall.SIGTERM)
	select {
	case <-w.Daemon.Ended:
	case <-time.After(Patience):
		w.T.Fatal("the daemon does not end")
	}
	return w.Daemon.Cmd.ProcessState.ExitCode(), time.Since(begun)
}

// Kill ends the daemon at once, as a crash does.
func (w *World) Kill() {
	_ = w.Daemon.Cmd.Process.Kill()
	<-w.Daemon.Ended
}

// Eventually waits for a condition that something outside brings about.
func (w *World) Eventually(what string, holds func() bool) {
	w.T.Helper()
	deadline := time.Now().Add(Patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			w.T.Fatalf("waited in vain: %s", what)
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
		RenewBy                     string `json:"renew_by"`
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

func (w *World) Status() snapshot {
	w.T.Helper()
	code, out, errs := w.Run("status", "--json")
	if code != 0 {
		w.T.Fatalf("status exits %d: %s", code, errs)
	}
	var s snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		w.T.Fatalf("status is no JSON: %v\n%s", err, out)
	}
	return s
}

// States returns the state of every credential and sink by name.
func (s snapshot) States() map[string]string {
	out := map[string]string{}
	for _, c := range s.Credentials {
		out[c.Name] = c.State
	}
	for _, k := range s.Sinks {
		out[k.Name] = k.State
	}
	return out
}

// Get asks the daemon's HTTP.
func (w *World) Get(path string) (code int, body string) {
	resp, err := http.Get("http://" + w.Listen + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data)
}

// Serve puts a backend on loopback for the length of the test.
func Serve(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
