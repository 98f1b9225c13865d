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
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

const canary = "c4n4ry-s3cr3t"

var at = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// fakeBackend answers with what it holds.
type fakeBackend struct {
	view      engine.View
	err       error         // of View, Await and Renew
	hangs     bool          // View does not answer
	later     engine.View   // the state that Await sees second
	entered   chan struct{} // closed when Await has to wait
	renewed   []string
	ends      []engine.RenewResult
	reloadErr error
	value     credential.Secret
	valueErr  error
	asked     string
}

func (f *fakeBackend) View(ctx context.Context) (engine.View, error) {
	if f.hangs {
		<-ctx.Done()
		return engine.View{}, ctx.Err()
	}
	return f.view, f.err
}

func (*fakeBackend) ConfigStatus() (string, time.Time, string) {
	return "hash", at, "config.toml:1: a: b"
}

func (f *fakeBackend) Await(ctx context.Context, holds func(engine.View) bool) error {
	if holds(f.view) {
		return nil
	}
	if f.entered != nil {
		close(f.entered)
		<-ctx.Done()
		return ctx.Err()
	}
	if !holds(f.later) {
		return fmt.Errorf("the condition holds at no time")
	}
	return nil
}

func (f *fakeBackend) Renew(_ context.Context, names []string, tell func(engine.RenewResult)) error {
	f.renewed = slices.Clone(names)
	for _, end := range f.ends {
		tell(end)
	}
	return f.err
}

func (f *fakeBackend) Reload(context.Context) error { return f.reloadErr }

func (f *fakeBackend) Plan(_ context.Context, sources []Source) (Difference, error) {
	return Difference{Format: 1, Faults: []string{string(sources[0].Text)}}, f.err
}

func (f *fakeBackend) Show(_ context.Context, name, field string) (credential.Secret, error) {
	f.asked = "show " + name + " " + field
	return f.value, f.valueErr
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
