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

// startWithin is how long a daemon may take to be ready.
const startWithin = 30 * time.Minute

// installation is a folder with a configuration of n credentials, and the state and
// the sinks that belong to it.
type installation struct {
	binary, dir string
	n           int
	listen      string
	server      *server
	notify      *net.UnixConn
	ready       chan struct{} // gets a value for every READY message
}

// install makes the configuration, with keys that say when a credential is renewed.
// The server's CA certificate is in the folder.
func install(binary, dir string, n int, s *server, renewal string) (*installation, error) {
	listen, err := freeAddress()
	if err != nil {
		return nil, err
	}
	in := &installation{binary: binary, dir: dir, n: n, listen: listen, server: s, ready: make(chan struct{}, 1)}
	text := fmt.Sprintf(`[daemon]
state_dir = "%[1]s/state"
control_socket = "%[1]s/control.sock"
listen = "%[3]s"
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
%[4]s[fleets.shops.sinks.file]
type = "file"
path = "%[1]s/out/{code}/token"
content = "${this.access_token}"
`, dir, s.address, listen, renewal)
	err = errors.Join(
		os.WriteFile(filepath.Join(dir, "secret"), []byte("secret"), 0o600),
		os.WriteFile(filepath.Join(dir, "c.toml"), []byte(text), 0o600),
		in.table(""), folders(dir, ourOut, n),
	)
	if err != nil {
		return nil, err
	}
	in.notify, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "notify"), Net: "unixgram"})
	if err == nil {
		go in.listenForReady()
	}
	return in, err
}

// listenForReady reads every message of the daemons, as a service manager does: a
// daemon whose messages nobody reads waits when the socket is full.
func (in *installation) listenForReady() {
	buf := make([]byte, 4096)
	for {
		n, err := in.notify.Read(buf)
		if err != nil {
			return
		}
		if strings.HasPrefix(string(buf[:n]), "READY=1") {
			select {
			case in.ready <- struct{}{}:
			default:
			}
		}
	}
}

// freeAddress returns a local address that nobody listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// folders makes the folders of the targets.
func folders(dir, out string, n int) error {
	for i := range n {
		if err := os.MkdirAll(filepath.Dir(targetOf(dir, out, i)), 0o700); err != nil {
			return err
		}
	}
	return nil
}

// table writes the rows; changed is appended to a key of one of them.
func (in *installation) table(changed string) error {
	var rows bytes.Buffer
	rows.WriteString("code,scope\n")
	for i := range in.n {
		scope := shop(i)
		if i == in.n/2 {
			scope += changed
		}
		fmt.Fprintf(&rows, "%s,%s\n", shop(i), scope)
	}
	return os.WriteFile(filepath.Join(in.dir, "shops.csv"), rows.Bytes(), 0o600)
}

func (in *installation) command(args ...string) *exec.Cmd {
	cmd := exec.Command(in.binary, append(args, "-c", filepath.Join(in.dir, "c.toml"))...)
	cmd.Dir = in.dir
	return cmd
}

// timed runs a command and returns how long it took.
func (in *installation) timed(args ...string) (float64, error) {
	begun := time.Now()
	out, err := in.command(args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("vigente %s: %w: %s", args[0], err, out[:min(len(out), 500)])
	}
	return time.Since(begun).Seconds(), err
}

// run starts the daemon and returns when it is ready.
func (in *installation) run() (cmd *exec.Cmd, ready float64, err error) {
	log, err := os.Create(filepath.Join(in.dir, "log"))
	if err != nil {
		return nil, 0, err
	}
	defer log.Close()
	cmd = in.command("run")
	cmd.Stderr = log
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+filepath.Join(in.dir, "notify"))
	select { // a message of the previous daemon, or of a reload
	case <-in.ready:
	default:
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	select {
	case <-in.ready:
		return cmd, time.Since(begun).Seconds(), nil
	case <-time.After(startWithin):
		return cmd, 0, errors.Join(fmt.Errorf("not ready within %s", startWithin), cmd.Process.Kill())
	}
}

func end(cmd *exec.Cmd) error {
	return errors.Join(cmd.Process.Signal(syscall.SIGTERM), cmd.Wait())
}

// get reads a page of the daemon and returns how long that took.
func (in *installation) get(path string) (text string, seconds float64, err error) {
	begun := time.Now()
	resp, err := http.Get("http://" + in.listen + path) //nolint:noctx // ends with the daemon
	if err != nil {
		return "", 0, err
	}
	body, err := io.ReadAll(resp.Body)
	return string(body), time.Since(begun).Seconds(), errors.Join(err, resp.Body.Close())
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
