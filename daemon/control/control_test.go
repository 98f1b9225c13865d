package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

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
	got, err := client.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := fleet()
	want.Credentials[0].History = nil
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
	if _, err := client.View(t.Context(), "loja"); err != nil {
		t.Fatal(err)
	}
	got, err := client.Explain(t.Context(), "loja")
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
	got, err := client.View(t.Context(), "till")
	if err != nil || len(got.View.Credentials) != 0 || len(got.View.Sinks) != 1 {
		t.Errorf("got %+v, %v", got.View, err)
	}
}

// calls are all requests that take names, with a name that may be wrong.
func calls(client *Client, name string) map[string]func(context.Context) error {
	return map[string]func(context.Context) error{
		"view":    func(ctx context.Context) error { _, err := client.View(ctx, name, "loja"); return err },
		"explain": func(ctx context.Context) error { _, err := client.Explain(ctx, name); return err },
		"wait":    func(ctx context.Context) error { return client.Wait(ctx, []string{"loja", name}) },
		"renew":   func(ctx context.Context) error { return client.Renew(ctx, []string{"loja", name}, &progress{}) },
		"show":    func(ctx context.Context) error { _, err := client.Show(ctx, name, ""); return err },
		"sign":    func(ctx context.Context) error { _, err := client.Sign(ctx, name, "GET", "http://a", nil); return err },
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
	for _, name := range []string{"renew", "show", "sign"} {
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

func TestSilentEngineIsWaitedForFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := httptest.NewRecorder()
		began := time.Now()
		newHandler(&fakeBackend{hangs: true}).ServeHTTP(w, httptest.NewRequest("GET", pathView, nil))
		if waited := time.Since(began); w.Code != 503 || waited != 5*time.Second {
			t.Errorf("%d after %v", w.Code, waited)
		}
	})
}

func TestWait(t *testing.T) {
	t.Run("already", func(t *testing.T) {
		if err := start(t, &fakeBackend{view: fleet()}).Wait(t.Context(), []string{"loja"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("later", func(t *testing.T) {
		later := fleet()
		later.Credentials[1].State = engine.Valid
		if err := start(t, &fakeBackend{view: fleet(), later: later}).Wait(t.Context(), []string{"novo"}); err != nil {
			t.Error(err)
		}
	})
	t.Run("removed meanwhile", func(t *testing.T) {
		later := fleet() // without novo, while loja is not ready
		later.Credentials, later.Sinks[0].State = later.Credentials[:1], engine.Behind
		err := start(t, &fakeBackend{view: fleet(), later: later}).Wait(t.Context(), []string{"loja", "novo"})
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
		go func() { ended <- client.Wait(ctx, []string{"novo"}) }()
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
		go func() { ended <- NewClient(path).Wait(t.Context(), []string{"novo"}) }()
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

// progress notes what it is told.
type progress struct {
	total int
	ends  []engine.RenewResult
}

func (p *progress) Begin(total int)            { p.total = total }
func (p *progress) End(end engine.RenewResult) { p.ends = append(p.ends, end) }

func TestRenew(t *testing.T) {
	ends := []engine.RenewResult{{Name: "novo", Failure: "broken"}, {Name: "loja", Generation: 4}, {Name: "x", Failure: "full", Sink: "till"}}
	tests := []struct {
		ask, want []string
	}{
		{[]string{"novo", "loja", "novo"}, []string{"loja", "novo"}},
		{nil, []string{"loja", "novo"}},
	}
	for _, tt := range tests {
		backend := &fakeBackend{view: fleet(), ends: ends}
		var told progress
		if err := start(t, backend).Renew(t.Context(), tt.ask, &told); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(backend.renewed, tt.want) {
			t.Errorf("asked for %v, renewed %v", tt.ask, backend.renewed)
		}
		if told.total != 2 || !slices.Equal(told.ends, ends) {
			t.Errorf("told %+v", told)
		}
	}
}

func TestRenewIsToldStepByStep(t *testing.T) {
	first := make(chan struct{})
	backend := &steps{fakeBackend: fakeBackend{view: fleet()}, first: first}
	err := start(t, backend).Renew(t.Context(), []string{"loja", "novo"}, stepwise{first})
	if err != nil {
		t.Error(err)
	}
}

// steps goes on with the second end only when the client has seen the first.
type steps struct {
	fakeBackend
	first chan struct{}
}

func (s *steps) Renew(_ context.Context, names []string, tell func(engine.RenewResult)) error {
	tell(engine.RenewResult{Name: names[0]})
	<-s.first
	tell(engine.RenewResult{Name: names[1]})
	return nil
}

type stepwise struct{ first chan struct{} }

func (stepwise) Begin(int) {}
func (s stepwise) End(end engine.RenewResult) {
	if end.Name == "loja" {
		close(s.first)
	}
}

func TestRenewCutByTheEndOfTheDaemon(t *testing.T) {
	backend := &stopping{fakeBackend{view: fleet()}}
	problem, ok := errors.AsType[*Problem](start(t, backend).Renew(t.Context(), nil, &progress{}))
	if !ok || problem.Code != CodeSilent {
		t.Errorf("%+v", problem)
	}
}

type stopping struct{ fakeBackend }

func (*stopping) Renew(context.Context, []string, func(engine.RenewResult)) error {
	return errors.New(canary)
}

func TestRequestsThatAreNone(t *testing.T) {
	h := newHandler(&fakeBackend{view: fleet()})
	trustedContext := context.WithValue(t.Context(), peerKey{}, peer{trusted: true})
	for _, path := range []string{pathWait, pathRenew, pathShow, pathSign} {
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
	if err := start(t, &fakeBackend{}).Reload(t.Context()); err != nil {
		t.Error(err)
	}
	err := start(t, &fakeBackend{reloadErr: errors.New("a:1: b\na:2: c")}).Reload(t.Context())
	if problem, ok := errors.AsType[*Problem](err); !ok || problem.Code != CodeFailed || problem.Message != "a:1: b\na:2: c" {
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
		dead:                       "no daemon is running: nobody listens at the control socket ",
		foreign:                    "the daemon does not answer at ",
	} {
		all := calls(NewClient(path), "loja")
		all["reload"] = NewClient(path).Reload
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
		"renew": client.Renew(t.Context(), nil, &told),
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
