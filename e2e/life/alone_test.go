package life

import (
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// ofCluster matches the goroutines that a machine in a cluster has.
var ofCluster = regexp.MustCompile(`daemon/cluster\.|go\.etcd\.io/|google\.golang\.org/grpc`)

// TestNothingOfAClusterWithoutOne: without [cluster] no part of it runs, no series of it is
// exposed and nothing waits for it. With [cluster] the same look finds them.
func TestNothingOfAClusterWithoutOne(t *testing.T) {
	t.Parallel()
	for _, clustered := range []bool{false, true} {
		more := ""
		if clustered { // no one listens there
			more = "\n[cluster]\nendpoints = [\"http://127.0.0.1:9\"]\nprefix = \"/vigente/test\"\nkey = { file = \"{dir}/key\" }\n"
		}
		w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), more)
		w.Write("key", strings.Repeat("1", 64))
		w.Start()
		if !clustered {
			w.Eventually("everything is delivered", w.Good)
			if code, body := w.Get("/readyz"); code != http.StatusOK {
				t.Errorf("readyz: got %d %s, want 200", code, body)
			}
			if code, out, errs := w.Run("status", "--cluster"); code != 1 || !strings.Contains(out+errs, "not in a cluster") {
				t.Errorf("status --cluster: got exit code %d, want 1: %s%s", code, out, errs)
			}
		}
		if _, body := w.Get("/metrics"); strings.Contains(body, "vigente_cluster_") != clustered {
			t.Errorf("clustered %v: series of a cluster exposed: %v", clustered, !clustered)
		}
		w.Signal(syscall.SIGQUIT) // Go prints every goroutine
		<-w.Daemon.Ended
		dump := w.Daemon.Log.String()
		if !strings.Contains(dump, "daemon/engine.") {
			t.Fatalf("clustered %v: no goroutines are printed:\n%s", clustered, dump)
		}
		if found := ofCluster.FindString(dump); (found != "") != clustered {
			t.Errorf("clustered %v: found %q among the goroutines", clustered, found)
		}
	}
}

// TestWhatOnlyReadsDoesNotReachTheEngine: check, plan and simulate work from the
// configuration; doctor does reach the engine.
func TestWhatOnlyReadsDoesNotReachTheEngine(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	engine := httptest.NewUnstartedServer(http.NotFoundHandler())
	engine.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			reached.Add(1)
		}
	}
	engine.Start()
	t.Cleanup(engine.Close)
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour),
		"\n[cluster]\nendpoints = [\""+engine.URL+"\"]\nprefix = \"/vigente/test\"\nkey = { file = \"{dir}/key\" }\n")
	w.Write("key", strings.Repeat("1", 64))
	for _, args := range [][]string{{"check"}, {"simulate", "--for", "1d"}, {"plan", w.Path("config.toml")}} {
		code, out, errs := w.Run(args...)
		if args[0] != "plan" && code != 0 { // plan compares with a running daemon
			t.Errorf("%s: got exit code %d, want 0: %s%s", args[0], code, out, errs)
		}
		if n := reached.Load(); n > 0 {
			t.Errorf("%s: got %d connections to the engine, want none", args[0], n)
		}
	}
	if _, _, _ = w.Run("doctor"); reached.Load() == 0 {
		t.Error("doctor does not reach the engine")
	}
}
