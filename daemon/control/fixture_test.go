package control

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/view"
)

const canary = "c4n4ry-s3cr3t"

var at = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// fakeBackend answers with what it holds.
type fakeBackend struct {
	view      engine.View
	err       error // of Await and Renew; the engine is dead
	options   RenewOptions
	later     engine.View   // the state that Await sees second
	entered   chan struct{} // closed when Await has to wait
	renewed   []string
	ends      []engine.RenewResult
	reloadErr error
	value     credential.Secret
	valueErr  error
	asked     string
}

func (f *fakeBackend) Alive() bool                       { return f.err == nil }
func (f *fakeBackend) Select(q engine.Query) engine.View { return q.Of(f.view) }

func (*fakeBackend) Config() view.Config {
	return view.Config{Hash: "hash", LoadedAt: at, LastError: "config.toml:1: a: b"}
}

func (f *fakeBackend) Await(ctx context.Context, q engine.Query, holds func(engine.View) bool) error {
	if holds(q.Of(f.view)) {
		return nil
	}
	if f.entered != nil {
		close(f.entered)
		<-ctx.Done()
		return ctx.Err()
	}
	if !holds(q.Of(f.later)) {
		return fmt.Errorf("the condition holds at no time")
	}
	return nil
}

func (f *fakeBackend) Renew(_ context.Context, names []string, opt RenewOptions, tell func(engine.RenewResult)) error {
	f.renewed, f.options = slices.Clone(names), opt
	for _, end := range f.ends {
		tell(end)
	}
	return f.err
}

func (f *fakeBackend) Pause(_ context.Context, names []string, length time.Duration) (time.Time, error) {
	f.asked = fmt.Sprint("pause ", names, " ", length)
	if length == 0 {
		return time.Time{}, f.valueErr
	}
	return at.Add(length), f.valueErr
}

func (f *fakeBackend) Resume(_ context.Context, names []string) error {
	f.asked = fmt.Sprint("resume ", names)
	return f.valueErr
}

func (f *fakeBackend) Forget(_ context.Context, names []string) ([]string, error) {
	f.asked = fmt.Sprint("forget ", names)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return name == "velha" }), f.valueErr
}

func (f *fakeBackend) Reload(_ context.Context, opt ReloadOptions) (Reloaded, error) {
	f.asked = fmt.Sprintf("reload %+v", opt)
	return Reloaded{Missing: []Missing{{"novo", "/etc/pw"}}}, f.reloadErr
}

func (f *fakeBackend) Plan(_ context.Context, sources []Source) (Difference, error) {
	return Difference{Format: 1, Faults: []string{string(sources[0].Text)}}, f.err
}

func (f *fakeBackend) Show(_ context.Context, name, field string) (credential.Secret, error) {
	f.asked = "show " + name + " " + field
	return f.value, f.valueErr
}

func (f *fakeBackend) Fields(context.Context, string) ([]string, error) {
	return []string{"token", "expires_at"}, nil
}

func (f *fakeBackend) Sign(_ context.Context, name, method, url string, form map[string][]string) (credential.Secret, error) {
	f.asked = fmt.Sprint("sign ", name, " ", method, " ", url, " ", form)
	return f.value, f.valueErr
}

// fleet is one healthy credential with its sink, and one that never worked.
func fleet() engine.View {
	return engine.View{
		At: at,
		Credentials: []engine.CredentialView{
			{
				Name: "loja", Provider: "tss", Type: "tss", State: engine.Valid, Generation: 3, IssuedAt: at, ExpiresAt: at.Add(time.Hour),
				History: []schedule.Attempt{{At: at, Took: time.Second, Outcome: schedule.Renewed}},
				Limits:  []credential.Limit{{Kind: "certificate", EndsAt: at.Add(time.Hour), Person: true}},
			},
			{
				Name: "novo", Provider: "tss", Type: "tss", State: engine.Pending, Failures: 1,
				LastError: &schedule.Note{Reason: credential.ReasonServer, Message: "broken", At: at},
			},
		},
		Sinks: []engine.SinkView{
			{Name: "till", Type: "ini", Path: "/a", State: engine.Delivered, Needs: []string{"loja"}, Delivered: map[string]uint64{"loja": 3}},
		},
		Providers: []engine.ProviderView{{Name: "tss", Type: "tss", CooldownUntil: at}},
	}
}

// start serves the backend and returns a client of it.
func start(t testing.TB, backend Backend) *Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), "control.sock")
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, ln, backend)
	return NewClient(path)
}

// serve runs the server until the test ends.
func serve(t testing.TB, ln net.Listener, backend Backend) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, ln, backend, zap.NewNop()) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve gave %v", err)
		}
	})
}

func (f *fakeBackend) Invite(_ context.Context, name, offer string) (credential.Invitation, error) {
	f.asked = "invite " + name + " " + offer
	return credential.Invitation{Address: "https://login.example/", State: "s"}, f.valueErr
}

func (f *fakeBackend) Redeem(_ context.Context, name string, in credential.Invitation, address credential.Secret) error {
	f.asked = "redeem " + name + " " + in.State + " " + address.Reveal()
	return f.valueErr
}

func (f *fakeBackend) Import(_ context.Context, name string, refresh credential.Secret) error {
	f.asked = "import " + name + " " + refresh.Reveal()
	return f.valueErr
}

func (*fakeBackend) Cluster() (cluster.Status, bool) { return cluster.Status{}, false }

func (*fakeBackend) LeaveCluster(context.Context) error { return nil }
