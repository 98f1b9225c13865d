package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// TestColoursAndBarsOnATerminalOnly looks for the bytes that move a cursor.
func TestColoursAndBarsOnATerminalOnly(t *testing.T) {
	t.Parallel()
	const escape = "\x1b["
	w := furnish(t, tss.New(tss.Options{}), newVault(time.Hour), "")
	w.start()
	w.eventually("everything is delivered", func() bool { return w.status().states()["file"] == "delivered" })
	commands := [][]string{{"status"}, {"explain", "loja"}, {"plan", w.path("config.toml")}, {"doctor"}, {"renew", "--all"}}
	for _, args := range commands {
		if _, out, errs := w.run(args...); strings.Contains(out+errs, escape) {
			t.Errorf("%v writes %q into a pipe", args, out+errs)
		}
	}
	colourful := map[string]bool{"status": true, "explain": true, "doctor": true, "renew": true}
	for _, quiet := range []string{"", "NO_COLOR=1", "TERM=dumb"} {
		w.environ = []string{"TERM=xterm", quiet}
		for _, args := range commands {
			term := w.onTerminal(args...)
			if code := term.end(); code != 0 {
				t.Errorf("%v exits %d: %s", args, code, term.screen)
			}
			shown := term.screen.String()
			want := quiet == "" && colourful[args[0]] || quiet == "NO_COLOR=1" && args[0] == "renew" // a bar has no colour
			if strings.Contains(shown, escape) != want {
				t.Errorf("%v with %q shows %q", args, quiet, shown)
			}
			if bar := strings.Contains(shown, "░"); bar != (args[0] == "renew" && quiet != "TERM=dumb") {
				t.Errorf("%v with %q: a bar %v in %q", args, quiet, bar, shown)
			}
		}
	}
}

// terminal is a program that runs on a terminal of its own.
type terminal struct {
	w      *world
	cmd    *exec.Cmd
	keys   *os.File // the end at which a person sits
	screen *buffer
	ended  chan struct{}
}

// onTerminal starts one call of the binary on a new terminal.
func (w *world) onTerminal(args ...string) *terminal {
	w.t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		w.t.Skipf("needs a terminal: %v", err)
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer line.Close()
	t := &terminal{w: w, cmd: w.command(context.Background(), args...), keys: keys, screen: &buffer{}, ended: make(chan struct{})}
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = line, line, line
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := t.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		part := make([]byte, 4096)
		for {
			n, err := keys.Read(part)
			_, _ = t.screen.Write(part[:n])
			if err != nil {
				return // EIO, once the program has gone
			}
		}
	}()
	go func() { _ = t.cmd.Wait(); <-read; close(t.ended) }()
	w.t.Cleanup(func() { _ = t.cmd.Process.Kill(); <-t.ended; _ = keys.Close() })
	return t
}

// sees waits until the screen shows a text after what it showed before.
func (t *terminal) sees(from int, text string) int {
	t.w.t.Helper()
	at := -1
	t.w.eventually("the terminal shows "+text, func() bool {
		shown := t.screen.String()
		if len(shown) < from {
			return false
		}
		if at = strings.Index(shown[from:], text); at < 0 {
			select {
			case <-t.ended:
				if !strings.Contains(t.screen.String()[from:], text) {
					t.w.t.Fatalf("ended without %q:\n%s", text, t.screen)
				}
			default:
			}
		}
		return at >= 0
	})
	return from + at + len(text)
}

// types sends keys.
func (t *terminal) types(text string) {
	t.w.t.Helper()
	if _, err := t.keys.WriteString(text); err != nil {
		t.w.t.Fatal(err)
	}
}

// end waits for the end and returns the exit code, -1 after a signal.
func (t *terminal) end() int {
	t.w.t.Helper()
	t.w.eventually("the program ends", func() bool {
		select {
		case <-t.ended:
			return true
		default:
			return false
		}
	})
	return t.cmd.ProcessState.ExitCode()
}
