// Package e2etest provides what the end-to-end tests share: the built binary, a
// folder with its configuration, and a daemon running in it.
package e2etest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

	"github.com/vigented/vigente/internal/needs"
)

// Binary builds the program under test once.
var Binary = sync.OnceValues(func() (string, error) { return Build("vigente") })

// workshop creates the folder for built binaries.
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

// Main runs the tests of a package and removes the binaries they built.
func Main(m *testing.M) int {
	code := m.Run()
	if dir, err := workshop(); err == nil {
		_ = os.RemoveAll(dir)
	}
	return code
}

// Patience is the timeout for anything that must happen.
const Patience = 20 * time.Second

// World is one installation: a folder, a configuration, and possibly a daemon.
type World struct {
	T       testing.TB
	Dir     string
	Listen  string
	Daemon  *Process
	Environ []string
	Program func() (string, error) // binary, or a failpoint build
}

// Process is a running daemon.
type Process struct {
	Cmd    *exec.Cmd
	Log    *Buffer
	Ended  chan struct{}
	Status error
}

// Buffer collects output from concurrent writers.
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

// NewWorld creates a folder with a configuration. In text, {dir} stands for the
// folder.
func NewWorld(t testing.TB, text string) *World {
	t.Helper()
	w := &World{T: t, Dir: t.TempDir(), Listen: needs.Port()}
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

// Configure replaces the configuration atomically. The text continues the
// [daemon] table.
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

// Command returns a command that runs the binary.
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

// Run runs the binary and waits for it.
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

// Start launches the daemon and waits until it answers on its socket.
func (w *World) Start() {
	w.T.Helper()
	w.Launch()
	w.Eventually("the daemon answers", func() bool {
		select {
		case <-w.Daemon.Ended:
			w.T.Fatalf("the daemon exited at once: %v\n%s", w.Daemon.Status, w.Daemon.Log)
		default:
		}
		code, _, _ := w.Run("status")
		return code == 0
	})
}

// Launch starts the daemon without waiting for it.
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

// Stop stops the daemon as systemd does, and returns its exit code and how long
// that took.
func (w *World) Stop() (code int, took time.Duration) {
	w.T.Helper()
	begun := time.Now()
	w.Signal(syscall.SIGTERM)
	select {
	case <-w.Daemon.Ended:
	case <-time.After(Patience):
		w.T.Fatal("the daemon did not stop in time")
	}
	return w.Daemon.Cmd.ProcessState.ExitCode(), time.Since(begun)
}

// Kill kills the daemon, like a crash.
func (w *World) Kill() {
	_ = w.Daemon.Cmd.Process.Kill()
	<-w.Daemon.Ended
}

// Eventually waits until a condition holds.
func (w *World) Eventually(what string, holds func() bool) {
	w.T.Helper()
	deadline := time.Now().Add(Patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		if time.Now().After(deadline) {
			w.T.Fatalf("timed out waiting: %s", what)
		}
		<-tick.C
	}
}

// snapshot is the documented output of status --json.
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
		w.T.Fatalf("status: got exit code %d, want 0: %s", code, errs)
	}
	var s snapshot
	if err := json.Unmarshal([]byte(out), &s); err != nil {
		w.T.Fatalf("status --json is not JSON: %v\n%s", err, out)
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

// Get requests a path from the daemon's HTTP listener.
func (w *World) Get(path string) (code int, body string) {
	resp, err := http.Get("http://" + w.Listen + path)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(data)
}

// Serve runs a backend on a loopback address until the test ends.
func Serve(t testing.TB, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}
