package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/internal/process"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const canary = "c4n4ry-s3cr3t"

var at = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// result is what a run of the program left.
type result struct {
	code     int
	out, err string
}

// fakeService is a daemon whose life a test decides.
type fakeService struct {
	run     func(ctx context.Context) error
	view    engine.View
	onceErr error
	config  view.Config
	reloads chan struct{}
}

func (f *fakeService) Run(ctx context.Context) error             { return f.run(ctx) }
func (f *fakeService) Once(context.Context) (engine.View, error) { return f.view, f.onceErr }
func (f *fakeService) Config() view.Config                       { return f.config }
func (f *fakeService) Reload(context.Context, control.ReloadOptions) (control.Reloaded, error) {
	f.reloads <- struct{}{}
	return control.Reloaded{}, nil
}

// world is a program with a configuration and, perhaps, a daemon behind it.
type world struct {
	Process
	dir      string
	hardened int
	opened   daemon.Options
	warnings []string
	service  *fakeService
	openErr  error
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{dir: t.TempDir(), service: &fakeService{reloads: make(chan struct{}, 9)}}
	w.write(t, "[daemon]\nstate_dir = \"state\"\ncontrol_socket = \"c.sock\"\n")
	w.Getenv = func(name string) string { return map[string]string{"HOME": w.dir}[name] }
	w.UID = 1000
	w.open = func(opt daemon.Options) (service, error) {
		w.opened = opt
		return w.service, w.openErr
	}
	w.check = func(opt daemon.Options) (*load.Checked, error) {
		w.opened = opt
		return &load.Checked{Sources: []string{"a", "b"}, Providers: 1, Credentials: 3, Warnings: w.warnings}, w.openErr
	}
	w.harden = func() (*process.Runner, error) { w.hardened++; return nil, nil }
	return w
}

func (w *world) config() string { return filepath.Join(w.dir, "config.toml") }

func (w *world) write(t testing.TB, text string) {
	t.Helper()
	if err := os.WriteFile(w.config(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// do runs the program with the world's configuration.
func (w *world) do(ctx context.Context, args ...string) result {
	var out, errs bytes.Buffer
	p := w.Process
	p.Args, p.Stdout, p.Stderr = append(slices.Clone(args), "--config", w.config()), &out, &errs
	code := Main(ctx, &p)
	return result{code, out.String(), errs.String()}
}

// serve puts a daemon behind the control socket.
func (w *world) serve(t testing.TB, backend control.Backend) {
	t.Helper()
	ln, err := control.Listen(filepath.Join(w.dir, "c.sock"))
	if err != nil {
		t.Fatal(err)
	}
	serve(t, ln, backend)
}

func serve(t testing.TB, ln net.Listener, backend control.Backend) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(ctx, ln, backend, zap.NewNop()) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// fakeBackend answers with what it holds.
type fakeBackend struct {
	view       engine.View
	err        error
	lastError  string
	ends       []engine.RenewResult
	reloaded   control.Reloaded
	reloadErr  error
	difference control.Difference
	valueErr   error
	asked      []string
}

func (f *fakeBackend) Alive() bool                       { return f.err == nil }
func (f *fakeBackend) Select(q engine.Query) engine.View { return q.Of(f.view) }

func (f *fakeBackend) Config() view.Config {
	return view.Config{Hash: "0123456789abcdef", LoadedAt: at.Add(-time.Hour), LastError: f.lastError}
}

func (f *fakeBackend) Await(ctx context.Context, q engine.Query, holds func(engine.View) bool) error {
	if holds(q.Of(f.view)) {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

func (f *fakeBackend) Renew(_ context.Context, names []string, _ control.RenewOptions, tell func(engine.RenewResult)) error {
	f.asked = names
	for _, end := range f.ends {
		tell(end)
	}
	return f.err
}

func (f *fakeBackend) Pause(_ context.Context, names []string, length time.Duration) (time.Time, error) {
	f.asked = append([]string{"pause"}, names...)
	if length == 0 {
		return time.Time{}, f.valueErr
	}
	return at.Add(length), f.valueErr
}

func (f *fakeBackend) Resume(_ context.Context, names []string) error {
	f.asked = append([]string{"resume"}, names...)
	return f.valueErr
}

func (f *fakeBackend) Forget(_ context.Context, names []string) ([]string, error) {
	f.asked = append([]string{"forget"}, names...)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "velha" }), f.valueErr
}

func (f *fakeBackend) Reload(context.Context, control.ReloadOptions) (control.Reloaded, error) {
	return f.reloaded, f.reloadErr
}

func (f *fakeBackend) Plan(_ context.Context, sources []control.Source) (control.Difference, error) {
	for _, s := range sources {
		f.asked = append(f.asked, s.Name)
	}
	return f.difference, nil
}

func (f *fakeBackend) Show(_ context.Context, name, field string) (credential.Secret, error) {
	f.asked = []string{"show", name, field}
	return credential.NewSecret(canary), f.valueErr
}

func (f *fakeBackend) Fields(context.Context, string) ([]string, error) {
	return []string{"token", "expires_at"}, nil
}

func (f *fakeBackend) Sign(_ context.Context, name, method, url string, form map[string][]string) (credential.Secret, error) {
	f.asked = []string{"sign", name, method, url, strings.Join(form["a"], "+")}
	return credential.NewSecret("OAuth " + canary), f.valueErr
}

// healthy is a fleet without a fault.
func healthy() engine.View {
	return engine.View{
		At: at,
		Credentials: []engine.CredentialView{{
			Name: "loja", Provider: "tss", Type: "tss", State: engine.Valid, Generation: 3,
			IssuedAt: at.Add(-6 * time.Hour), ExpiresAt: at.Add(18 * time.Hour), LastUsefulAttemptAt: at.Add(18*time.Hour - 30*time.Second),
			NextAttemptAt: at.Add(12 * time.Hour), NextReason: "a quarter of its life is left", NextRule: "renewal.renew_before",
			History: []schedule.Attempt{
				{At: at.Add(-7 * time.Hour), Took: 30 * time.Second, Outcome: schedule.Failed, Reason: credential.ReasonTimeout, Message: "no answer within 30 s"},
				{At: at.Add(-6 * time.Hour), Took: 1234567 * time.Microsecond, Outcome: schedule.Renewed},
			},
		}},
		Sinks: []engine.SinkView{{
			Name: "till", Type: "ini", Path: "/opt/appserver.ini", State: engine.Delivered, Needs: []string{"loja"},
			Delivered: map[string]uint64{"loja": 3}, LastDeliveredAt: at.Add(-6 * time.Hour),
		}},
		Providers: []engine.ProviderView{{Name: "tss", Type: "tss"}},
	}
}

// troubled has something of everything.
func troubled() engine.View {
	v := healthy()
	v.StateError = "no space left on device"
	v.Credentials = append(v.Credentials,
		engine.CredentialView{
			Name: "cofre", Provider: "vault", Type: "senhasegura", State: engine.Parked, Generation: 2, Failures: 1,
			IssuedAt: at.Add(-time.Hour), ExpiresAt: at.Add(time.Hour), LastUsefulAttemptAt: at.Add(time.Hour - 30*time.Second), NextReason: "parked: action needed",
			LastError: &schedule.Note{Reason: credential.ReasonRejected, Message: "the client secret was refused", At: at.Add(-time.Minute)},
			Limits:    []credential.Limit{{Kind: "refresh_token", EndsAt: at.Add(24 * time.Hour), Person: true}, {Kind: "term", EndsAt: at}},
		},
		engine.CredentialView{Name: "novo", Provider: "vault", Type: "senhasegura", State: engine.Pending, Running: true, NextAttemptAt: at},
	)
	v.Sinks = append(v.Sinks, engine.SinkView{
		Name: "api", Type: "env", Path: "/etc/api.env", State: engine.Failing, Needs: []string{"cofre", "loja"}, HasHook: true, HookOwed: true,
		LastError: &schedule.Note{Reason: credential.ReasonInternal, Message: "the folder is not writable", At: at.Add(-2 * time.Minute)},
		HookError: &schedule.Note{Reason: credential.ReasonTimeout, Message: "it ran for 30 s", At: at.Add(-time.Hour)},
	})
	v.Providers = append(v.Providers, engine.ProviderView{Name: "vault", Type: "senhasegura", CooldownUntil: at.Add(90 * time.Second), Waiting: 2, Running: 1})
	return v
}

// golden compares text with a file, or writes it.
func golden(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; run with -update and look at the difference\ngot:\n%s", path, got)
	}
}

var errSilent = errors.New("does not answer")

func (f *fakeBackend) Invite(context.Context, string, string) (credential.Invitation, error) {
	return credential.Invitation{}, f.valueErr
}

func (f *fakeBackend) Redeem(context.Context, string, credential.Invitation, credential.Secret) error {
	return f.valueErr
}

func (f *fakeBackend) Import(context.Context, string, credential.Secret) error { return f.valueErr }

func (*fakeBackend) Cluster() (cluster.Status, bool) { return cluster.Status{}, false }

func (*fakeBackend) LeaveCluster(context.Context) error { return nil }
