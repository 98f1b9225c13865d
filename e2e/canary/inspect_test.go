package canary

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

// call runs one command, searches its output, and returns it.
func (k *installation) call(t testing.TB, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	code, stdout, stderr = k.Run(args...)
	k.secretSet.search(t, "stdout of "+strings.Join(args, " "), stdout)
	k.secretSet.search(t, "stderr of "+strings.Join(args, " "), stderr)
	return code, stdout, stderr
}

// inspect searches everything a running daemon exposes.
func (k *installation) inspect(t *testing.T) {
	t.Helper()
	for _, path := range []string{"/", "/metrics", "/livez", "/readyz", "/readyz/vault", "/readyz/nothing", "/nothing", "/debug/pprof/", "/debug/vars"} {
		_, body := k.Get(path)
		k.secretSet.search(t, path, body)
	}
	for _, path := range []string{"/v1/view?history=1", "/v1/view?name=vault&history", "/v1/wait", "/v1/renew", "/v1/reload", "/v1/show", "/v1/sign", "/v1/nothing"} {
		k.secretSet.search(t, "the socket's "+path, k.ask(t, path))
	}
	proc := fmt.Sprintf("/proc/%d/", k.Daemon.Cmd.Process.Pid)
	for _, name := range []string{"cmdline", "comm", "status", "limits"} {
		data, err := os.ReadFile(proc + name)
		if err != nil {
			t.Error(err)
		}
		k.secretSet.search(t, name+" of the daemon", string(data))
	}
	if environ, err := os.ReadFile(proc + "environ"); err == nil { // root may
		// It contains what is configured with env and nothing else.
		k.secretSet.search(t, "the environment of the daemon", string(environ), k.inEnv...)
	}
}

// ask sends a request to the socket that it must refuse or may answer to
// anyone.
func (k *installation) ask(t *testing.T, path string) string {
	t.Helper()
	client := &http.Client{Timeout: e2etest.Patience, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", k.Path("c.sock"))
	}}}
	defer client.CloseIdleConnections()
	method, body := http.MethodPost, `{"names":["nobody"],"name":"vault","field":"nothing","method":"\u0000","url":"::"}`
	if strings.Contains(path, "view") {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://x"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer resp.Body.Close()
	data, _ := io.ReadAll(resp.Body)
	return fmt.Sprint(resp.Header, string(data))
}

// leavings searches every file of the installation except secret files and
// sinks.
func (k *installation) leavings(t *testing.T) {
	t.Helper()
	ours := []string{"secrets", "creds", "guarded.pem", "out/appserver.ini", "out/all.env", "out/token", "out/generic.env"}
	met := map[string]bool{}
	err := filepath.WalkDir(k.Dir, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(k.Dir, path)
		switch {
		case err != nil:
			return err
		case slices.Contains(ours, name) && entry.IsDir():
			return filepath.SkipDir
		case slices.Contains(ours, name) || !entry.Type().IsRegular():
			return nil
		}
		met[name] = true
		data, err := os.ReadFile(path)
		k.secretSet.search(t, "the file "+name, string(data))
		return err
	})
	if err != nil {
		t.Error(err)
	}
	if !met["state/state.db"] || !met["hook.out"] {
		t.Errorf("neither state nor hook have left a file: %v", met)
	}
}

// ending stops the daemon in every way: with SIGTERM, with a stack dump, and
// after its state was removed.
func (k *installation) ending(t *testing.T) {
	t.Helper()
	log := func(what string) {
		text := k.Daemon.Log.String()
		if len(text) < 100 {
			t.Errorf("%s: the log is empty", what)
		}
		k.secretSet.search(t, "the log, "+what, text)
	}
	if code, _ := k.Stop(); code != 0 {
		t.Errorf("SIGTERM: got exit code %d, want 0", code)
	}
	log("ended by SIGTERM")
	for _, s := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGABRT} {
		k.Start()
		k.Eventually("it holds its tokens", func() bool { return k.Status().States()["vault"] != "pending" })
		limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", k.Daemon.Cmd.Process.Pid))
		// The soft limit matters; the hard one is kept for processes that hooks
		// start.
		if off := strings.Fields(line(string(limits), "Max core file size")); err != nil || len(off) < 6 || off[4] != "0" {
			t.Errorf("core files are not disabled: %v, %v", off, err)
		}
		k.Signal(s)
		<-k.Daemon.Ended
		if !strings.Contains(k.Daemon.Log.String(), "goroutine ") {
			t.Errorf("%s: the log has no stacks", s)
		}
		if status, ok := k.Daemon.Cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.CoreDump() {
			t.Errorf("%s: a core file was written", s)
		}
		log(s.String())
	}
	for _, g := range k.backends {
		g.setLeak(nil)
	}
	k.Start()
	if err := os.Rename(k.Path("state/state.db"), k.Path("secrets/state.db")); err != nil {
		t.Fatal(err)
	}
	k.Write("state/state.db", "another program's")
	k.call(t, "renew", "ged")
	if !strings.Contains(k.Daemon.Log.String(), "save_error") {
		t.Error("the log does not report the state that cannot be saved")
	}
	k.call(t, "status")
	k.inspect(t)
	if err := os.Rename(k.Path("secrets/state.db"), k.Path("state/state.db")); err != nil {
		t.Fatal(err)
	}
	if code, _ := k.Stop(); code != 0 {
		t.Logf("without its state it exits with %d", code)
	}
	log("without its state")
	k.leavings(t)
	for _, dir := range []string{k.Dir, k.Path("state"), "/"} {
		for _, pattern := range []string{"core", "core.[0-9]*", "*.core"} {
			if found, _ := filepath.Glob(filepath.Join(dir, pattern)); len(found) > 0 {
				t.Errorf("found core files: %v", found)
			}
		}
	}
}

// line returns the line that starts with a word.
func line(text, start string) string {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, start) {
			return l
		}
	}
	return ""
}
