package cluster

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/needs"
)

// TestOneRunOnTwoMachines: run --once joins the cluster first and shares what
// it obtained, so the next machine delivers it without a call. While etcd is
// unreachable, credentials that neither spend nor revoke are renewed without
// it.
func TestOneRunOnTwoMachines(t *testing.T) {
	t.Parallel()
	endpoint := "http://" + needs.Port()
	peer := "http://" + needs.Port()
	etcd := exec.Command(needs.Tool(t, "etcd"), "--data-dir", t.TempDir(), "--listen-client-urls", endpoint, "--advertise-client-urls", endpoint,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer, "--log-level", "error")
	if err := etcd.Start(); err != nil {
		t.Fatal(err)
	}
	stop := func() { _ = etcd.Process.Kill(); _ = etcd.Wait() }
	t.Cleanup(stop)
	text := `
[cluster]
endpoints = ["ENDPOINT"]
prefix = "/vigente/test"
key = { file = "{dir}/key" }
node = "NODE"
[providers.x]
type = "exec"
max_age = "1h"
[credentials.c]
provider = "x"
command = ["/bin/sh", "-c", "echo call >>CALLS; wc -l <CALLS"]
[sinks.s]
type = "file"
path = "{dir}/out"
content = "${c.token}"
`
	calls := t.TempDir() + "/calls"
	machine := func(node string) *e2etest.World {
		w := e2etest.NewWorld(t, strings.NewReplacer("ENDPOINT", endpoint, "NODE", node, "CALLS", calls).Replace(text))
		w.Write("key", strings.Repeat("1", 64))
		return w
	}
	a, b, c := machine("a"), machine("b"), machine("c")
	a.Eventually("etcd answers", func() bool {
		answer, err := http.Get(endpoint + "/health")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	for _, one := range []*e2etest.World{a, b} {
		begun := time.Now()
		if code, out, errs := one.Run("run", "--once"); code != 0 || one.Read("out") != "1" {
			t.Errorf("run --once: got exit code %d and %q delivered, want 0 and the result of the first call: %s%s", code, one.Read("out"), out, errs)
		}
		t.Logf("run --once took %s", time.Since(begun).Round(10*time.Millisecond))
	}
	stop()
	if code, out, errs := c.Run("run", "--once"); code != 0 || c.Read("out") != "2" {
		t.Errorf("run --once without etcd: got exit code %d and %q delivered: %s%s", code, c.Read("out"), out, errs)
	}
}
