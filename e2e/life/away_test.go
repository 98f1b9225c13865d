package life

import (
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
)

// TestAnEngineThatIsAwayIsSaidEverywhere: the engine accepts connections and answers
// nothing. What is plain is renewed and delivered, also by a machine that starts; status,
// page, log, metrics and readiness say since when the machine is alone, and a renewal of
// anything else says why it is not made.
func TestAnEngineThatIsAwayIsSaidEverywhere(t *testing.T) {
	t.Parallel()
	engine, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = engine.Close() })
	w := e2etest.NewWorld(t, `
[cluster]
endpoints = ["http://`+engine.Addr().String()+`"]
prefix = "/vigente/test"
key = { file = "{dir}/key" }
[renewal]
min_interval = "1s"
[providers.x]
type = "exec"
[credentials.plain]
provider = "x"
command = ["/bin/echo", "value"]
[sinks.s]
type = "file"
path = "{dir}/out"
content = "${plain.token}"
`)
	w.Write("key", strings.Repeat("1", 64))
	w.Start()
	begun := time.Now()
	w.Eventually("the engine is away", func() bool {
		_, out, errs := w.Run("status")
		return strings.Contains(out+errs, "engine away: alone since")
	})
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("said after %s, want 10s", took)
	}
	w.Eventually("what is plain is delivered", func() bool { return w.Read("out") == "value" && w.Status().States()["s"] == "delivered" })
	if code, out, errs := w.Run("renew", "plain"); code != 0 {
		t.Errorf("renew of what is plain: got exit code %d, want 0: %s%s", code, out, errs)
	}
	if code, body := w.Get("/readyz"); code != http.StatusOK || !strings.Contains(body, "engine away") || !strings.Contains(body, "alone since") {
		t.Errorf("readyz: got %d %s, want 200 with the engine away", code, body)
	}
	if _, body := w.Get("/"); !strings.Contains(body, "engine away") || !strings.Contains(body, "alone since") {
		t.Error("the page does not say that the engine is away")
	}
	_, body := w.Get("/metrics")
	for _, line := range []string{"vigente_cluster_alone 1", "vigente_cluster_engine_up 0"} {
		if !strings.Contains(body, "\n"+line+"\n") {
			t.Errorf("the metrics lack %q", line)
		}
	}
	text := w.Read("config.toml")
	w.Write("config.toml", text+`
[credentials.revoking]
provider = "h"
fields = { token = "json:/token" }
revokes = true
[providers.h]
type = "http"
url = "http://127.0.0.1:9"
`)
	if code, out, errs := w.Run("reload"); code != 0 {
		t.Fatalf("reload: got exit code %d: %s%s", code, out, errs)
	}
	if code, out, errs := w.Run("renew", "revoking"); code != 1 || !strings.Contains(out+errs, `engine is away`) || !strings.Contains(out+errs, `cluster.alone = "plain"`) {
		t.Errorf("renew of what revokes: got exit code %d, want 1 and the reason: %s%s", code, out, errs)
	}
	if code, took := w.Stop(); code != 0 || took > 5*time.Second {
		t.Errorf("stop: got exit code %d after %s, want 0 within 5s", code, took)
	}
	said := ""
	for line := range strings.Lines(w.Daemon.Log.String()) {
		if strings.Contains(line, "engine away") {
			said += line
		}
	}
	if strings.Count(said, "\n") != 1 || !strings.Contains(said, "alone since") || !strings.Contains(said, `"warn"`) {
		t.Errorf("got %q in the log, want one warning", said)
	}
}
