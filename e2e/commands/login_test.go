package commands

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

const (
	loginClient = "loja-1"
	loginSecret = "c4n4ry-client-secret-5f4dcc3b"
	loginSeed   = "c4n4ry-refresh-token-a1b2c3d4"
)

const loginConfig = `
[renewal]
min_interval = "1s"

[providers.code]
type = "oauth2"
token_url = "BASE/token"
authorize_url = "BASE/authorize"
client_id = "loja-1"
client_secret = { file = "client-secret" }

[providers.device]
type = "oauth2"
token_url = "BASE/token"
device_url = "BASE/device"
client_id = "loja-1"
client_secret = { file = "client-secret" }

[credentials.sales]
provider = "code"
grant = "refresh_token"
scope = "openid a"

[credentials.kiosk]
provider = "device"
grant = "refresh_token"

[credentials.robot]
provider = "code"

[sinks.out]
type = "file"
path = "{dir}/out"
content = "${sales.access_token}"
`

// loginWorld returns a running daemon and a server at which nobody has logged
// in yet.
func loginWorld(t *testing.T) (*e2etest.World, *emulator.Server) {
	t.Helper()
	server := emulator.New(emulator.Settings{
		Clients: []emulator.Client{{ID: loginClient, Secret: loginSecret}}, AutoApprove: true, Interval: time.Second,
	}, nil)
	server.Plant(loginSeed, loginClient, "openid a")
	w := e2etest.NewWorld(t, "")
	w.Write("client-secret", loginSecret+"\n")
	w.Configure(strings.ReplaceAll(loginConfig, "BASE", e2etest.Serve(t, server)))
	w.Start()
	w.Eventually("it waits for a login", func() bool { return w.Status().States()["sales"] == "parked" })
	return w, server
}

// login is one login in progress.
type login struct {
	t     *testing.T
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   e2etest.Buffer
	errs  bytes.Buffer
}

func beginLogin(t *testing.T, w *e2etest.World, name string) *login {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*e2etest.Patience)
	t.Cleanup(cancel)
	l := &login{t: t, cmd: w.Command(ctx, "login", name)}
	l.cmd.Stdout, l.cmd.Stderr = &l.out, &l.errs
	stdin, err := l.cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	l.stdin = stdin
	if err := l.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return l
}

var pageToOpen = regexp.MustCompile(`(?m)^Open +(http\S+)$`)

// page returns the URL to open once it is shown.
func (l *login) page(w *e2etest.World) string {
	l.t.Helper()
	var found []string
	w.Eventually("the page is shown", func() bool {
		found = pageToOpen.FindStringSubmatch(l.out.String())
		return found != nil && strings.Contains(l.out.String(), "\n\n")
	})
	return found[1]
}

// back returns the redirect address that a page sends the browser to.
func back(t *testing.T, page string) string {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	return resp.Header.Get("Location")
}

func (l *login) ends(want int) {
	l.t.Helper()
	_ = l.cmd.Wait()
	if code := l.cmd.ProcessState.ExitCode(); code != want {
		l.t.Fatalf("login: got exit code %d, want %d:\n%s%s", code, want, l.out.String(), l.errs.String())
	}
}

// TestLogin logs in by every method, and then searches for the secrets.
func TestLogin(t *testing.T) {
	t.Parallel()
	w, server := loginWorld(t)
	if said := w.Status(); !strings.Contains(w.Failure("sales"), "vigente login sales") {
		t.Errorf("status does not name the command: %+v", said)
	}

	pasted := beginLogin(t, w, "sales") // on a server: the address is pasted
	address := back(t, pasted.page(w))
	_, _ = io.WriteString(pasted.stdin, address+"\n")
	pasted.ends(0)
	w.Eventually("the login's own token is delivered", func() bool { return server.Active(w.Read("out")) })
	if n := server.Counts(); n.Refreshes != 0 {
		t.Errorf("got %d refreshes for a login, want none", n.Refreshes)
	}

	browser := beginLogin(t, w, "sales") // end of stdin ends nothing
	_ = browser.stdin.Close()
	page := browser.page(w)
	resp, err := http.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	browser.ends(0)
	if !strings.Contains(string(text), "Logged in") {
		t.Errorf("the browser got %q, want Logged in", text)
	}

	device := beginLogin(t, w, "kiosk")
	device.page(w)
	device.ends(0)

	forged := beginLogin(t, w, "sales")
	u, err := url.Parse(back(t, forged.page(w)))
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("state", "another")
	u.RawQuery = query.Encode()
	_, _ = io.WriteString(forged.stdin, u.String()+"\n")
	forged.ends(1)

	if code, out, errs := imported(t, w, loginSeed+"\n", "sales", "--refresh-token", "-"); code != 0 {
		t.Errorf("import: got exit code %d, want 0: %s%s", code, out, errs)
	}
	if code, _, errs := imported(t, w, `{"name":"sales","refresh_token":"`+loginSeed+`"}`+"\n", "--import", "-"); code != 1 || !strings.Contains(errs, "vigente login sales") {
		t.Errorf("import of a spent refresh token: got exit code %d, want 1: %s", code, errs)
	}
	for _, c := range []struct {
		want int
		args []string
	}{{2, []string{"sales", "--refresh-token", loginSeed}}, {2, []string{"nobody"}}, {2, []string{"robot"}}, {2, nil}} {
		code, out, errs := imported(t, w, "", c.args...)
		if code != c.want || strings.Contains(out+errs, loginSeed) {
			t.Errorf("login with %d arguments: got exit code %d, want %d: %s", len(c.args), code, c.want, errs)
		}
	}
	importsOfMany(t, w)
	canaries(t, w)
}

// importsOfMany checks the exit codes of an import of several tokens. The line of
// an unknown name harms no other.
func importsOfMany(t *testing.T, w *e2etest.World) {
	t.Helper()
	line := func(name string) string { return fmt.Sprintf("{\"name\":%q,\"refresh_token\":%q}\n", name, loginSeed) }
	for _, c := range []struct {
		want  int
		lines string
	}{
		{2, line("nobody") + line("nothing")},
		{2, line("nobody") + line("robot")},
		{1, line("nobody") + line("sales")}, // its token is spent
	} {
		code, out, errs := imported(t, w, c.lines, "--import", "-")
		if code != c.want || !strings.Contains(errs, "nobody") || strings.Contains(out+errs, loginSeed) {
			t.Errorf("import of many: got exit code %d, want %d: %s%s", code, c.want, out, errs)
		}
	}
}

func imported(t *testing.T, w *e2etest.World, stdin string, args ...string) (code int, out, errs string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*e2etest.Patience)
	defer cancel()
	cmd := w.Command(ctx, append([]string{"login"}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	_ = cmd.Run()
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// canaries searches everything readable, except the state, for the secrets.
func canaries(t *testing.T, w *e2etest.World) {
	t.Helper()
	_, status, _ := w.Run("status", "--json")
	_, explained, _ := w.Run("explain", "sales")
	_, metrics := w.Get("/metrics")
	_, page := w.Get("/")
	for where, text := range map[string]string{"status": status, "explain": explained, "metrics": metrics, "page": page, "log": w.Daemon.Log.String()} {
		for _, canary := range []string{loginSecret, loginSeed, "code_verifier"} {
			if strings.Contains(text, canary) {
				t.Errorf("%s contains a secret of the login", where)
			}
		}
	}
	err := filepath.WalkDir(w.Dir, func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() || strings.Contains(name, "/state/") || d.Name() == "client-secret" {
			return nil
		}
		data, err := os.ReadFile(name)
		if err == nil && (bytes.Contains(data, []byte(loginSecret)) || bytes.Contains(data, []byte(loginSeed))) {
			t.Errorf("%s contains a secret of the login", name)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
