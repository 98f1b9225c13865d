package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is the number of clock ticks in /proc/PID/stat per second.
const ticks = 100

// idleFor is how long the idle daemon is measured.
const idleFor = 20 * time.Second

// bench measures one size.
type bench struct {
	binary, dir string
	n           int
	server      *server
	notify      *net.UnixConn
	figures
}

func measure(binary string, n int) (figures, error) {
	b := &bench{binary: binary, n: n, figures: figures{n: n}}
	var err error
	if b.dir, err = os.MkdirTemp("", "vigente-bench-"); err != nil {
		return b.figures, err
	}
	defer os.RemoveAll(b.dir)
	if b.server, err = serve(filepath.Join(b.dir, "ca.pem")); err != nil {
		return b.figures, err
	}
	defer b.server.http.Close()
	// Each program has folders of its own, so that neither pays for files that the
	// other left or that were removed after it: ext4 without a journal, for
	// example, searches long for an inode when many have just been freed.
	for i := range n {
		for _, out := range []string{bareOut, ourOut} {
			if err := os.MkdirAll(filepath.Dir(targetOf(b.dir, out, i)), 0o700); err != nil {
				return b.figures, err
			}
		}
	}
	for _, step := range []func() error{b.plain, b.configure, b.checked, b.cold, b.again} {
		if err := step(); err != nil {
			return b.figures, err
		}
	}
	return b.figures, nil
}

// plain runs the plain program.
func (b *bench) plain() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "bare", "https://"+b.server.address+"/", filepath.Join(b.dir, "ca.pem"), b.dir, strconv.Itoa(b.n))
	cmd.Stderr = os.Stderr
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		return err
	}
	b.bareWall = time.Since(begun).Seconds()
	b.bareCPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return nil
}

func (b *bench) table(changed string) error {
	var rows bytes.Buffer
	rows.WriteString("code,scope\n")
	for i := range b.n {
		scope := shop(i)
		if i == b.n/2 {
			scope += changed
		}
		fmt.Fprintf(&rows, "%s,%s\n", shop(i), scope)
	}
	return os.WriteFile(filepath.Join(b.dir, "shops.csv"), rows.Bytes(), 0o600)
}

func (b *bench) configure() error {
	if err := os.WriteFile(filepath.Join(b.dir, "secret"), []byte("secret"), 0o600); err != nil {
		return err
	}
	text := fmt.Sprintf(`[daemon]
state_dir = "%[1]s/state"
control_socket = "%[1]s/control.sock"
listen = "127.0.0.1:19848"
[providers.p]
type = "oauth2"
token_url = "https://%[2]s/"
client_id = "bench"
client_secret = { file = "secret" }
tls = { ca_file = "ca.pem" }
[fleets.shops]
rows = "shops.csv"
name = "{code}"
[fleets.shops.credential]
provider = "p"
scope = "{scope}"
[fleets.shops.sinks.file]
type = "file"
path = "%[1]s/out/{code}/token"
content = "${this.access_token}"
`, b.dir, b.server.address)
	if err := b.table(""); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(b.dir, "c.toml"), []byte(text), 0o600); err != nil {
		return err
	}
	var err error
	b.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(b.dir, "notify"), Net: "unixgram"})
	return err
}

func (b *bench) command(args ...string) *exec.Cmd {
	cmd := exec.Command(b.binary, append(args, "-c", filepath.Join(b.dir, "c.toml"))...)
	cmd.Dir = b.dir
	return cmd
}

// timed runs a command and returns how long it took.
func (b *bench) timed(args ...string) (float64, error) {
	begun := time.Now()
	out, err := b.command(args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("vigente %s: %w: %s", args[0], err, out[:min(len(out), 500)])
	}
	return time.Since(begun).Seconds(), err
}

func (b *bench) checked() (err error) {
	b.check, err = b.timed("check")
	return err
}

// run starts the daemon and returns when it is ready.
func (b *bench) run() (cmd *exec.Cmd, ready float64, err error) {
	log, err := os.Create(filepath.Join(b.dir, "log"))
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()
	cmd = b.command("run")
	cmd.Stderr = log
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+filepath.Join(b.dir, "notify"))
	buf := make([]byte, 4096)
	for err == nil { // discard messages of the previous daemon
		if err = b.notify.SetReadDeadline(time.Now().Add(time.Millisecond)); err == nil {
			_, err = b.notify.Read(buf)
		}
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	for {
		if err := b.notify.SetReadDeadline(time.Now().Add(15 * time.Minute)); err != nil {
			return cmd, 0, err
		}
		n, err := b.notify.Read(buf)
		if err != nil {
			return cmd, 0, errors.Join(err, cmd.Process.Kill())
		}
		if strings.HasPrefix(string(buf[:n]), "READY=1") {
			return cmd, time.Since(begun).Seconds(), nil
		}
	}
}

// cold measures the first start, and then the cost of an idle daemon.
func (b *bench) cold() error {
	calls, connections := b.server.calls.Load(), b.server.connections.Load()
	cmd, ready, err := b.run()
	if err != nil {
		return err
	}
	defer b.end(cmd)
	b.coldWall = ready
	if b.coldCPU, err = processor(cmd); err != nil {
		return err
	}
	for i := range b.n {
		if _, err := os.Stat(targetOf(b.dir, ourOut, i)); err != nil {
			return fmt.Errorf("ready before everything was delivered: %w", err)
		}
	}
	b.calls, b.connections = b.server.calls.Load()-calls, b.server.connections.Load()-connections
	time.Sleep(10 * time.Second) // the daemon checks the files it wrote once more
	was, err := processor(cmd)
	if err != nil {
		return err
	}
	time.Sleep(idleFor)
	now, err := processor(cmd)
	if err != nil {
		return err
	}
	b.idle = (now - was) / idleFor.Seconds() * 100
	if err := b.readers(); err != nil {
		return err
	}
	if b.peak, err = memory(cmd); err != nil {
		return err
	}
	if err := b.table("-changed"); err != nil {
		return err
	}
	b.reload, err = b.timed("reload")
	return err
}

func (b *bench) readers() (err error) {
	if b.status, err = b.timed("status", "shops/"+shop(b.n/2)); err != nil {
		return err
	}
	for path, to := range map[string]*float64{"/metrics": &b.scrape, "/": &b.page} {
		begun := time.Now()
		resp, err := http.Get("http://127.0.0.1:19848" + path) //nolint:noctx // ends with the daemon
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err = errors.Join(err, resp.Body.Close()); err != nil {
			return err
		}
		*to = time.Since(begun).Seconds()
	}
	return nil
}

// again measures a restart with valid tokens.
func (b *bench) again() error {
	calls := b.server.calls.Load()
	cmd, ready, err := b.run()
	if err != nil {
		return err
	}
	b.restart, b.restartCalls = ready, b.server.calls.Load()-calls
	if b.restartCPU, err = processor(cmd); err != nil {
		return err
	}
	return b.end(cmd)
}

func (b *bench) end(cmd *exec.Cmd) error {
	return errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
}

// processor returns the CPU seconds a process has used.
func processor(cmd *exec.Cmd) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	f := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	user, err1 := strconv.ParseFloat(f[11], 64)
	system, err2 := strconv.ParseFloat(f[12], 64)
	return (user + system) / ticks, errors.Join(err1, err2)
}

// memory returns the peak resident memory in MiB, without the pages mapped from
// the executable.
func memory(cmd *exec.Cmd) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	var peak, file float64
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "VmHWM:":
			peak, err = strconv.ParseFloat(f[1], 64)
		case "RssFile:":
			file, err = strconv.ParseFloat(f[1], 64)
		}
	}
	return (peak - file) / 1024, err
}
