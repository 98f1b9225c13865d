package monitoring

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/needs"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// prometheus is a running Prometheus server.
type prometheus struct {
	t    testing.TB
	base string
	log  *e2etest.Buffer
}

// startPrometheus runs a server that scrapes the targets twice a second, with
// our alert rules. Their for durations are cut to a second, because a test
// cannot wait for minutes; promtool's tests cover them.
func startPrometheus(t testing.TB, targets ...string) *prometheus {
	t.Helper()
	binary, dir := needs.Tool(t, "prometheus"), t.TempDir()
	rules, err := os.ReadFile("../../monitoring/alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	quick := regexp.MustCompile(`(?m)^( +)for: \w+$`).ReplaceAll(rules, []byte("${1}for: 1s"))
	config := fmt.Sprintf("global: {scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}\nrule_files: [alerts.yml]\n"+
		"scrape_configs:\n  - job_name: vigente\n    static_configs: [{targets: [%s]}]\n", strings.Join(targets, ", "))
	for name, text := range map[string][]byte{"alerts.yml": quick, "prometheus.yml": []byte(config)} {
		if err := os.WriteFile(dir+"/"+name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	address := needs.Port()
	p := &prometheus{t: t, base: "http://" + address, log: &e2etest.Buffer{}}
	cmd := exec.Command(binary, "--config.file="+dir+"/prometheus.yml", "--storage.tsdb.path="+dir+"/data", "--web.listen-address="+address)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("Prometheus log:\n%s", p.log)
		}
	})
	return p
}

// sample is one element of a query result.
type sample struct {
	Metric map[string]string
	Value  [2]any
}

// query evaluates an expression now. A server that is not up yet returns
// nothing.
func (p *prometheus) query(expr string) (samples []sample, problem string) {
	resp, err := http.Get(p.base + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil {
		return nil, err.Error()
	}
	defer resp.Body.Close()
	var answer struct {
		Status, Error string
		Data          struct{ Result []sample }
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, err.Error()
	}
	return answer.Data.Result, answer.Error
}

// firing returns the firing alerts, each with the label that identifies its
// subject.
func (p *prometheus) firing() []string {
	samples, problem := p.query(`ALERTS{alertstate="firing"}`)
	if problem != "" {
		return []string{problem}
	}
	var all []string
	for _, s := range samples {
		name := s.Metric["alertname"]
		for _, label := range []string{"credential", "sink", "provider"} {
			if v := s.Metric[label]; v != "" {
				name += " " + v
				break
			}
		}
		all = append(all, name)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// brittle is a backend that can be taken away.
type brittle struct {
	http.Handler
	gone atomic.Bool
}

func (b *brittle) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b.gone.Load() {
		panic(http.ErrAbortHandler)
	}
	b.Handler.ServeHTTP(w, r)
}

// more adds backends with problems: one that throttles and whose clock is an
// hour off, one that disappears.
const more = `
[sinks.hooked]
type = "file"
path = "{dir}/out/hooked"
content = "${loja.token}"
on_change = { command = ["{dir}/hook"], timeout = "5s" }
[providers.gone]
type = "senhasegura"
url = %q
client_id = %q
client_secret = { file = "{dir}/secret.gone" }
[credentials.gone]
provider = "gone"
renew_before = "50%%"
`

const busy = `
[providers.busy]
type = "senhasegura"
url = %q
client_id = "someone"
client_secret = { file = "{dir}/secret.gone" }
[credentials.busy]
provider = "busy"
`

// throttling refuses every call for an hour, by a clock that is an hour off.
func throttling(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
	w.Header().Set("Retry-After", "3600")
	w.WriteHeader(http.StatusTooManyRequests)
}

// TestPrometheusSeesEveryTrouble lets a real Prometheus scrape the daemon and
// the demo. Alerts must fire for what is wrong and nothing else, and resolve;
// every dashboard query must return data; every metric must change.
func TestPrometheusSeesEveryTrouble(t *testing.T) {
	t.Parallel()
	needs.Tool(t, "prometheus")
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(6*time.Second)
	lost := &brittle{Handler: e2etest.NewVault(6 * time.Second)}
	good := fmt.Sprintf(more, e2etest.Serve(t, lost), e2etest.VaultID)
	w := e2etest.Furnish(t, tills, vault, good)
	w.Write("secret.gone", e2etest.VaultSecret)
	w.Write("hook", "#!/bin/sh\nexit 0\n")
	if err := os.Chmod(w.Path("hook"), 0o700); err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(w.Read("config.toml"), "[daemon]\n", "[daemon]\non_failure = { command = [\"/bin/true\"], after = \"1s\" }\n", 1)
	w.Write("config.toml", text)
	w.Start()
	p := startPrometheus(t, w.Listen, demo(t))
	w.Eventually("Prometheus sees both and finds nothing wrong", func() bool {
		up, _ := p.query("sum(up)")
		return len(up) == 1 && up[0].Value[1] == "2" && len(p.firing()) == 0
	})

	// Everything goes wrong at once.
	lost.gone.Store(true)
	w.Write("hook", "#!/bin/sh\nexit 1\n")
	w.Write("out/hooked", "")
	if err := os.Remove(w.Path("out/vault.token")); err != nil {
		t.Fatal(err)
	}
	w.Write("out/vault.token/in the way", "a folder where the sink's file was")
	w.Write("config.toml", text+strings.ReplaceAll(fmt.Sprintf(busy, e2etest.Serve(t, http.HandlerFunc(throttling))), "{dir}", w.Dir))
	w.Eventually("a sink is left behind", func() bool {
		s := w.Status()
		return s.States()["file"] == "failing" && s.Generation("vault") > s.Delivered("file", "vault")
	})
	w.Eventually("the busy backend is asked", func() bool { return w.Status().States()["busy"] == "pending" })
	w.Write("secret", "another secret")
	w.Eventually("the refused secret is told", func() bool { return w.Status().States()["vault"] == "parked" })
	w.Write("config.toml", w.Read("config.toml")+"\nnonsense = 1\n")
	p.expect("trouble", []string{
		"VigenteClockOff busy", "VigenteCredentialExpired gone", "VigenteCredentialWillLapse vault", "VigenteDeliveryBehind loja", "VigenteDeliveryBehind vault", "VigenteHookFailing hooked",
		"VigentePersonNeeded vault", "VigenteReloadFailed", "VigenteRenewalFailing busy", "VigenteSinkNotDelivered file", "VigenteThrottled busy",
	})
	p.dashboard()

	// And everything recovers.
	lost.gone.Store(false)
	w.Write("hook", "#!/bin/sh\nexit 0\n")
	w.Write("secret", e2etest.VaultSecret)
	if err := os.RemoveAll(w.Path("out/vault.token")); err != nil {
		t.Fatal(err)
	}
	w.Write("config.toml", text)
	w.Eventually("everything is good again", func() bool { code, _ := w.Get("/readyz"); return code == http.StatusOK })
	p.expect("health", nil)
	p.movement()

	w.Kill()
	p.expect("a daemon that is gone", []string{"VigenteAbsent"})
	w.Start()
	p.expect("its return", nil)
}

// expect waits until exactly these alerts fire.
func (p *prometheus) expect(after string, want []string) {
	p.t.Helper()
	var got []string
	for deadline := time.Now().Add(2 * e2etest.Patience); time.Now().Before(deadline); {
		if got = p.firing(); slices.Equal(got, want) {
			return
		}
		<-time.After(100 * time.Millisecond)
	}
	p.t.Fatalf("after %s: got alerts\n%q, want\n%q", after, got, want)
}

// dashboard runs every query of the dashboard: none may fail or be empty.
func (p *prometheus) dashboard() {
	p.t.Helper()
	data, err := os.ReadFile("../../monitoring/dashboard.json")
	if err != nil {
		p.t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title, Type string
			Targets     []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(data, &board); err != nil {
		p.t.Fatal(err)
	}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$job", ".*", "$instance", ".*", "$provider", ".*")
	asked := 0
	for _, panel := range board.Panels {
		if len(panel.Targets) == 0 && panel.Type != "row" {
			p.t.Errorf("the panel %q has no query", panel.Title)
		}
		for _, target := range panel.Targets {
			asked++
			expr := variables.Replace(target.Expr)
			switch samples, problem := p.query(expr); {
			case problem != "" || strings.Contains(expr, "$"):
				p.t.Errorf("the panel %q queries %s: %s", panel.Title, expr, problem)
			case len(samples) == 0 && !slices.ContainsFunc(rare, func(name string) bool { return strings.Contains(expr, name) }):
				p.t.Errorf("the panel %q is empty: %s", panel.Title, expr)
			}
		}
	}
	if asked < 25 {
		p.t.Errorf("got only %d queries", asked)
	}
}

// rare lists metrics that are absent while there is nothing to report.
var rare = []string{
	"vigente_credential_paused_until_timestamp_seconds", "vigente_credential_renew_by_timestamp_seconds",
	"vigente_listener_limit_timestamp_seconds", "vigente_oldest_failure_timestamp_seconds", "vigente_fleet_rows",
	"vigente_cluster_", "vigente_credential_intent_timestamp_seconds", // absent without [cluster]
}

// still lists metrics that do not change during this test, with what would
// change them.
var still = map[string]string{
	"vigente_build_info":                         "another version",
	"vigente_credential_limit_timestamp_seconds": "another certificate",
	"vigente_panics_total":                       "a defect",
	"vigente_log_lines_dropped_total":            "a reader of the log that stalls",
	"vigente_state_saved":                        "a disk that fails",
}

// movement checks that every metric of the daemon has changed.
func (p *prometheus) movement() {
	p.t.Helper()
	names, problem := p.query(`count by (__name__) ({job="vigente", __name__=~"vigente_.*"})`)
	if problem != "" || len(names) < 20 {
		p.t.Fatalf("got %d metrics, %s", len(names), problem)
	}
	for _, s := range names {
		name := s.Metric["__name__"]
		if still[name] != "" || strings.HasSuffix(name, "_bucket") || strings.HasSuffix(name, "_sum") {
			continue
		}
		// A series may start with its only value, so compare across series.
		spread := fmt.Sprintf("max(max_over_time(%s[5m])) - min(min_over_time(%[1]s[5m]))", name)
		if moved, problem := p.query(spread); problem != "" || len(moved) != 1 || moved[0].Value[1] == "0" {
			p.t.Errorf("%s never moves: %v %s", name, moved, problem)
		}
	}
}

// demo runs the demo and returns the address of its metrics.
func demo(t testing.TB) string {
	t.Helper()
	name, err := e2etest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, "demo")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "TMPDIR=" + t.TempDir()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out := &e2etest.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	page := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)`)
	for deadline := time.Now().Add(e2etest.Patience); time.Now().Before(deadline); {
		if m := page.FindStringSubmatch(out.String()); m != nil {
			return m[1]
		}
		<-time.After(20 * time.Millisecond)
	}
	t.Fatalf("the demo printed no address:\n%s", out)
	return ""
}
