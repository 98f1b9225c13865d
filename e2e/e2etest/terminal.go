package e2etest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// terminal is a program running on its own terminal.
type terminal struct {
	w      *World
	cmd    *exec.Cmd
	keys   *os.File // the user's end
	Screen *Buffer
	ended  chan struct{}
}

// OnTerminal starts the binary on a new terminal.
func (w *World) OnTerminal(args ...string) *terminal {
	w.T.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		w.T.Skipf("needs a terminal: %v", err)
	}
	number, err := unix.IoctlGetInt(int(keys.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(keys.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		w.T.Fatal(err)
	}
	line, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		w.T.Fatal(err)
	}
	defer line.Close()
	t := &terminal{w: w, cmd: w.Command(context.Background(), args...), keys: keys, Screen: &Buffer{}, ended: make(chan struct{})}
	t.cmd.Stdin, t.cmd.Stdout, t.cmd.Stderr = line, line, line
	t.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := t.cmd.Start(); err != nil {
		w.T.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		part := make([]byte, 4096)
		for {
			n, err := keys.Read(part)
			_, _ = t.Screen.Write(part[:n])
			if err != nil {
				return // EIO after the program has exited
			}
		}
	}()
	go func() { _ = t.cmd.Wait(); <-read; close(t.ended) }()
	w.T.Cleanup(func() { _ = t.cmd.Process.Kill(); <-t.ended; _ = keys.Close() })
	return t
}

// Sees waits until the screen shows text after position from.
func (t *terminal) Sees(from int, text string) int {
	t.w.T.Helper()
	at := -1
	t.w.Eventually("the terminal shows "+text, func() bool {
		shown := t.Screen.String()
		if len(shown) < from {
			return false
		}
		if at = strings.Index(shown[from:], text); at < 0 {
			select {
			case <-t.ended:
				if !strings.Contains(t.Screen.String()[from:], text) {
					t.w.T.Fatalf("the program exited without %q:\n%s", text, t.Screen)
				}
			default:
			}
		}
		return at >= 0
	})
	return from + at + len(text)
}

// Types sends input.
func (t *terminal) Types(text string) {
	t.w.T.Helper()
	if _, err := t.keys.WriteString(text); err != nil {
		t.w.T.Fatal(err)
	}
}

// End waits for the program and returns its exit code, or -1 after a signal.
func (t *terminal) End() int {
	t.w.T.Helper()
	t.w.Eventually("the program ends", func() bool {
		select {
		case <-t.ended:
			return true
		default:
			return false
		}
	})
	return t.cmd.ProcessState.ExitCode()
}
