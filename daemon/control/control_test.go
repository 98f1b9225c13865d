package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
)

func text(t testing.TB, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func TestViewArrivesWhole(t *testing.T) {
	client := start(t, &fakeBackend{view: fleet()})
	got, err := client.Select(t.Context(), engine.Query{})
	if err != nil {
		t.Fatal(err)
	}
	want := engine.Query{}.Of(fleet())
	if text(t, got.View) != text(t, want) {
		t.Errorf("got %s, want %s", text(t, got.View), text(t, want))
	}
	if got.Config.Hash != "hash" || !got.Config.LoadedAt.Equal(at) || got.Config.LastError != "config.toml:1: a: b" {
		t.Errorf("the configuration is %+v", got.Config)
	}
}

func TestExplainHasTheHistoryAndTheViewIsLeftAlone(t *testing.T) {
	backend := &fakeBackend{view: fleet()}
	client := start(t, backend)
	if _, err := client.Select(t.Context(), engine.Query{Names: []string{"loja"}}); err != nil {
		t.Fatal(err)
	}
	got, err := client.Select(t.Context(), engine.Query{Names: []string{"loja"}, History: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(got.View.Credentials) != 1 || len(got.View.Credentials[0].History) != 1 {
		t.Errorf("got %+v", got.View.Credentials)
	}
	if len(backend.view.Credentials[0].History) != 1 {
		t.Error("the shared view was changed")
	}
}

func TestViewSelects(t *testing.T) {
	client := start(t, &fakeBackend{view: fleet()})
	got, err := client.Select(t.Context(), engine.Query{Names: []string{"till"}})
	if err != nil || len(got.View.Credentials) != 0 || len(got.View.Sinks) != 1 {
		t.Errorf("got %+v, %v", got.View, err)
	}
}

// calls are all requests that take names, with a name that may be wrong.
func calls(client *Client, name string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"view": func(ctx context.Context) error {
			return second(client.Select(ctx, engine.Query{Names: []string{name, "loja"}}))
		},
		"pause": func(ctx context.Context) error {
			return second(client.Pause(ctx, Selection{Names: []string{name}}, time.Hour))
		},
		"resume": func(ctx context.Context) error { return second(client.Resume(ctx, Selection{Names: []string{name}})) },
		"wait":   func(ctx context.Context) error { return client.Wait(ctx, Selection{Names: []string{"loja", name}}) },
		"renew": func(ctx context.Context) error {
			return client.Renew(ctx, Selection{Names: []string{"loja", name}}, RenewOptions{}, &progress{})
		},
		"show": func(ctx context.Context) error { _, err := client.Show(ctx, name, ""); return err },
		"sign": func(ctx context.Context) error { _, err := client.Sign(ctx, name, "GET", "http://a", nil); return err },
	}
}

func TestUnknownNamesAreNamed(t *testing.T) {
	for name, call := range calls(start(t, &fakeBackend{view: fleet()}), "nada") {
		problem, ok := errors.AsType[*Problem](call(t.Context()))
		if !ok || problem.Code != CodeUnknown || !slices.Equal(problem.Names, []string{"nada"}) || !strings.Contains(problem.Message, "nada") {
			t.Errorf("%s: %+v", name, problem)
		}
	}
}

func TestSinksAreNoCredentials(t *testing.T) {
	all := calls(start(t, &fakeBackend{view: fleet()}), "till")
	for _, name := range []string{"renew", "show", "sign", "pause", "resume"} {
		problem, ok := errors.AsType[*Problem](all[name](t.Context()))
		if !ok || problem.Code != CodeUnknown || !slices.Equal(problem.Names, []string{"till"}) {
			t.Errorf("%s: %+v", name, problem)
		}
	}
}

func TestEngineThatFails(t *testing.T) {
	for name, call := range calls(start(t, &fakeBackend{err: errors.New(canary)}), "loja") {
		problem, ok := errors.AsType[*Problem](call(t.Context()))
		if !ok || problem.Code != CodeSilent || strings.Contains(problem.Message, canary) {
			t.Errorf("%s: %+v", name, problem)
		}
	}
}

func TestWait(t *testing.T) {
	t.Run("already", func(t *testing.T) {
		if err := start(t, &fakeBackend{view: fleet()}).Wait(t.Context(), Selection{Names: []string{"loja"}}); err != nil {
			t.Error(err)
		}
	})
	t.Run("later", func(t *testing.T) {
		later := fleet()
		later.Credentials[1].State = engine.Valid
		if err := start(t, &fakeBackend{view: fleet(), later: later}).Wait(t.Context(), Selection{Names: []string{"novo"}}); err != nil {
			t.Error(err)
		}
	})
	t.Run("removed meanwhile", func(t *testing.T) {
		later := fleet() // without novo, while loja is not ready
		later.Credentials, later.Sinks[0].State = later.Credentials[:1], engine.Behind
		err := start(t, &fakeBackend{view: fleet(), later: later}).Wait(t.Context(), Selection{Names: []string{"loja", "novo"}})
		if problem, ok := errors.AsType[*Problem](err); !ok || problem.Code != CodeUnknown {
			t.Error(err)
		}
	})
	t.Run("given up", func(t *testing.T) {
		ctx, giveUp := context.WithCancelCause(t.Context())
		enough := errors.New("enough")
		backend := &fakeBackend{view: fleet(), entered: make(chan struct{})}
		client := start(t, backend)
		ended := make(chan error, 1)
		go func() { ended <- client.Wait(ctx, Selection{Names: []string{"novo"}}) }()
		<-backend.entered
		giveUp(enough)
		if err := <-ended; err != enough { //nolint:errorlint // itself, not something around it
			t.Error(err)
		}
	})
	t.Run("the daemon stops", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "control.sock")
		ln, err := Listen(path)
		if err != nil {
			t.Fatal(err)
		}
		backend := &fakeBackend{view: fleet(), entered: make(chan struct{})}
		serving, stop := context.WithCancel(t.Context())
		served, ended := make(chan error, 1), make(chan error, 1)
		go func() { served <- Serve(serving, ln, backend, zap.NewNop()) }()
		go func() { ended <- NewClient(path).Wait(t.Context(), Selection{Names: []string{"novo"}}) }()
		<-backend.entered
		stop()
		if problem, ok := errors.AsType[*Problem](<-ended); !ok || problem.Code != CodeSilent {
			t.Error(problem)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
}

func (stepwise) Begin(int)       {}
func (stepwise) Waiting(Waiting) {}

func TestRequestsThatAreNone(t *testing.T) {
	h := newHandler(&fakeBackend{view: fleet()}, zap.NewNop())
	trustedContext := context.WithValue(t.Context(), peerKey{}, peer{trusted: true})
	for _, path := range []string{pathWait, pathRenew, pathShow, pathSign, pathPause, pathResume, pathForget, pathReload} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader("{")).WithContext(trustedContext))
		if w.Code != 400 {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	for _, body := range []string{"{}", `{"names":["loja"],"all":true}`} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", pathRenew, strings.NewReader(body)).WithContext(trustedContext))
		if w.Code != 400 {
			t.Errorf("renew %s: %d %s", body, w.Code, w.Body)
		}
	}
}

func TestReload(t *testing.T) {
	backend := &fakeBackend{}
	done, err := start(t, backend).Reload(t.Context(), ReloadOptions{AcceptRemovals: true})
	if err != nil || len(done.Missing) != 1 || done.Missing[0] != (Missing{"novo", "/etc/pw"}) || backend.asked != "reload {AcceptRemovals:true AcceptIdentities:false}" {
		t.Errorf("%+v %v, asked %s", done, err, backend.asked)
	}
	_, err = start(t, &fakeBackend{reloadErr: errors.New("a:1: b\na:2: c")}).Reload(t.Context(), ReloadOptions{})
	if problem, ok := errors.AsType[*Problem](err); !ok || problem.Code != CodeRejected || problem.Message != "a:1: b\na:2: c" {
		t.Error(err)
	}
}

func TestPauseResumeAndForget(t *testing.T) {
	backend := &fakeBackend{view: fleet()}
	client := start(t, backend)
	done, err := client.Pause(t.Context(), Selection{Names: []string{"l*"}}, time.Hour)
	if err != nil || !done.Until.Equal(at.Add(time.Hour)) || backend.asked != "pause [loja] 1h0m0s" {
		t.Errorf("%+v %v, asked %s", done, err, backend.asked)
	}
	if done, err := client.Pause(t.Context(), Selection{Provider: "tss"}, 0); err != nil || !done.Until.IsZero() || len(done.Names) != 2 {
		t.Errorf("%+v %v", done, err)
	}
	if done, err := client.Resume(t.Context(), Selection{Names: []string{"novo"}}); err != nil || backend.asked != "resume [novo]" || !slices.Equal(done.Names, []string{"novo"}) {
		t.Errorf("%+v %v, asked %s", done, err, backend.asked)
	}
	if err := client.Forget(t.Context(), []string{"velha"}); err != nil || backend.asked != "forget [velha]" {
		t.Errorf("%v, asked %s", err, backend.asked)
	}
	for name, code := range map[string]Code{"loja": CodeFailed, "nada": CodeUnknown} {
		if problem, ok := errors.AsType[*Problem](client.Forget(t.Context(), []string{name})); !ok || problem.Code != code {
			t.Errorf("forget %s: %+v", name, problem)
		}
	}
}

// TestCallersAreLogged looks for who asked in the log.
func TestCallersAreLogged(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	path := filepath.Join(t.TempDir(), "control.sock")
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, ln, &fakeBackend{view: fleet(), value: credential.NewSecret(canary)}, zap.New(core))
	}()
	client, loja := NewClient(path), Selection{Names: []string{"loja"}}
	for message, ask := range map[string]func() error{
		"value shown":       func() error { return second(client.Show(t.Context(), "loja", "")) },
		"request signed":    func() error { return second(client.Sign(t.Context(), "loja", "GET", "http://a/?q="+canary, nil)) },
		"renewal requested": func() error { return client.Renew(t.Context(), loja, RenewOptions{}, &progress{}) },
		"pause requested":   func() error { return second(client.Pause(t.Context(), loja, 0)) },
		"resume requested":  func() error { return second(client.Resume(t.Context(), loja)) },
		"forget requested":  func() error { return client.Forget(t.Context(), []string{"velha"}) },
		"reload requested":  func() error { return second(client.Reload(t.Context(), ReloadOptions{})) },
	} {
		if err := ask(); err != nil {
			t.Error(err)
		}
		found := logs.FilterMessage(message).All()
		if len(found) != 1 {
			t.Errorf("%q is logged %d times", message, len(found))
			continue
		}
		fields := found[0].ContextMap()
		if fields["uid"] != uint32(os.Getuid()) || fields["pid"] != int32(os.Getpid()) || fields["user"] == nil { //nolint:gosec // small numbers
			t.Errorf("%q names the caller as %v", message, fields)
		}
	}
	if strings.Contains(fmt.Sprint(logs.All()), canary) {
		t.Error("a value is in the log")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestShowAndSign(t *testing.T) {
	backend := &fakeBackend{view: fleet(), value: credential.NewSecret(canary)}
	client := start(t, backend)
	got, err := client.Show(t.Context(), "loja", "token")
	if err != nil || got.Reveal() != canary || backend.asked != "show loja token" {
		t.Errorf("%q %v, asked %s", got.Reveal(), err, backend.asked)
	}
	got, err = client.Sign(t.Context(), "loja", "POST", "https://a/?b=c", map[string][]string{"d": {"e", "f"}})
	if err != nil || got.Reveal() != canary || backend.asked != "sign loja POST https://a/?b=c map[d:[e f]]" {
		t.Errorf("%q %v, asked %s", got.Reveal(), err, backend.asked)
	}
	for _, tt := range []struct {
		err  error
		code Code
	}{
		{fmt.Errorf("field x: %w", ErrUnknown), CodeUnknown},
		{errors.New("no value yet"), CodeFailed},
	} {
		backend.valueErr = tt.err
		for _, err := range []error{second(client.Show(t.Context(), "loja", "x")), second(client.Sign(t.Context(), "loja", "GET", "http://a", nil))} {
			if problem, ok := errors.AsType[*Problem](err); !ok || problem.Code != tt.code || problem.Message != tt.err.Error() {
				t.Errorf("%v", err)
			}
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestUnreachable(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	abandon(t, dead)
	foreign := filepath.Join(dir, "foreign")
	ln, err := net.Listen("unix", foreign)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.NotFoundHandler()}}
	server.Start()
	defer server.Close()
	for path, want := range map[string]string{
		filepath.Join(dir, "none"): "no daemon is running: there is no control socket at ",
		dead:                       "no daemon is running: nothing listens on the control socket ",
		foreign:                    "the daemon does not answer at ",
	} {
		all := calls(NewClient(path), "loja")
		all["reload"] = func(ctx context.Context) error { return second(NewClient(path).Reload(ctx, ReloadOptions{})) }
		for name, call := range all {
			err := call(t.Context())
			if _, ok := errors.AsType[*UnreachableError](err); !ok || !strings.HasPrefix(err.Error(), want+path+" (") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	denied := &UnreachableError{"/s", &net.OpError{Op: "dial", Err: errPermission{}}}
	if want := "the control socket /s is closed to this user (use sudo, or become a member of its group)"; denied.Error() != want {
		t.Errorf("%q", denied)
	}
}

type errPermission struct{}

func (errPermission) Error() string   { return "" }
func (errPermission) Is(e error) bool { return e.Error() == "permission denied" }

// TestConnectionLostHalfway ends answers in their middle.
func TestConnectionLostHalfway(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &httptest.Server{Listener: ln, Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == pathRenew {
			_, _ = w.Write([]byte(`{"total":2}` + "\n"))
		}
		_, _ = w.Write([]byte(`{"value":`))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})}}
	server.Start()
	defer server.Close()
	client := NewClient(path)
	var told progress
	for name, err := range map[string]error{
		"renew": client.Renew(t.Context(), Selection{All: true}, RenewOptions{}, &told),
		"show":  second(client.Show(t.Context(), "loja", "")),
	} {
		if _, ok := errors.AsType[*UnreachableError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if told.total != 2 || len(told.ends) != 0 {
		t.Errorf("told %+v", told)
	}
}
