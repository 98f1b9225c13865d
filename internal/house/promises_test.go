package house_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/daemon/metrics"
	"github.com/vigented/vigente/internal/needs"
)

// series lists the metrics and labels that dashboards and alerts may rely on.
var series = map[string]string{
	"vigente_build_info": "goversion revision version",

	"vigente_credential_expiry_timestamp_seconds":              "credential provider",
	"vigente_credential_issued_timestamp_seconds":              "credential provider",
	"vigente_credential_next_attempt_timestamp_seconds":        "credential provider",
	"vigente_credential_last_useful_attempt_timestamp_seconds": "credential provider",
	"vigente_credential_limit_timestamp_seconds":               "credential kind provider",
	"vigente_credential_state":                                 "credential provider state",
	"vigente_credential_generation":                            "credential provider",

	"vigente_renewals_total":           "credential provider result",
	"vigente_renewal_failures_total":   "provider reason",
	"vigente_renewal_duration_seconds": "provider",

	"vigente_credential_renew_by_timestamp_seconds":     "credential provider",
	"vigente_credential_paused_until_timestamp_seconds": "credential provider",
	"vigente_listener_limit_timestamp_seconds":          "kind",

	"vigente_credentials":                                    "fleet provider state",
	"vigente_sinks":                                          "fleet state type",
	"vigente_earliest_expiry_timestamp_seconds":              "fleet provider",
	"vigente_earliest_last_useful_attempt_timestamp_seconds": "fleet provider",
	"vigente_oldest_failure_timestamp_seconds":               "fleet provider",
	"vigente_fleet_renewals_total":                           "fleet provider result",
	"vigente_fleet_sink_writes_total":                        "fleet result type",
	"vigente_fleet_rows":                                     "fleet state",

	"vigente_sink_state":                          "sink state",
	"vigente_sink_generation":                     "credential sink",
	"vigente_sink_writes_total":                   "result sink",
	"vigente_sink_last_success_timestamp_seconds": "sink",
	"vigente_on_failure_runs_total":               "credential result",
	"vigente_hook_runs_total":                     "result sink",

	"vigente_provider_cooldown_until_timestamp_seconds": "provider",
	"vigente_scheduler_lag_seconds":                     "",
	"vigente_clock_offset_seconds":                      "provider",

	"vigente_config_last_reload_successful":                "",
	"vigente_config_last_reload_success_timestamp_seconds": "",
	"vigente_config_hash":                                  "",

	"vigente_state_saved":  "",
	"vigente_panics_total": "",

	"vigente_log_lines_dropped_total": "",

	"vigente_cluster_engine_up":                        "",
	"vigente_cluster_alone":                            "",
	"vigente_cluster_machines_differing":               "",
	"vigente_cluster_requests_total":                   "op result",
	"vigente_cluster_request_duration_seconds":         "",
	"vigente_cluster_node_last_seen_timestamp_seconds": "node",
	"vigente_credential_intent_timestamp_seconds":      "credential node",
}

// TestSeriesAreThosePromised compares series with the registered metrics.
func TestSeriesAreThosePromised(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := metrics.New(metrics.Options{Registerer: registry, Version: "1", Revision: "r"})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.ShowCluster(func() metrics.ClusterState { return metrics.ClusterState{} }); err != nil {
		t.Fatal(err)
	}
	descs := make(chan *prometheus.Desc)
	go func() { registry.Describe(descs); close(descs) }()
	registered := map[string]string{}
	form := regexp.MustCompile(`fqName: "(vigente_\w+)".*constLabels: \{(.*)\}, variableLabels: \{(.*)\}`)
	for d := range descs {
		m := form.FindStringSubmatch(d.String())
		if m == nil {
			continue // of the Go runtime or the process
		}
		constant := regexp.MustCompile(`"[^"]*"`).ReplaceAllString(m[2], "") // without the values
		labels := regexp.MustCompile(`[a-z]\w*`).FindAllString(constant+" "+m[3], -1)
		slices.Sort(labels)
		registered[m[1]] = strings.Join(labels, " ")
	}
	for name, labels := range series {
		if got, ok := registered[name]; !ok {
			t.Errorf("%s is promised but not registered", name)
		} else if got != labels {
			t.Errorf("%s has the labels %q, want %q", name, got, labels)
		}
	}
	for name := range registered {
		if _, ok := series[name]; !ok {
			t.Errorf("%s is registered but not promised; add it here and to the documentation", name)
		}
	}
}

// TestAlerts compares the alert rules with the metrics, the runbooks and the
// tests of the rules.
func TestAlerts(t *testing.T) {
	rules, tests, runbooks := text(t, "monitoring/alerts.yml"), text(t, "monitoring/alerts_test.yml"), text(t, "monitoring/runbooks.md")
	for _, file := range []string{rules, tests, runbooks} {
		for _, name := range regexp.MustCompile(`\bvigente_\w+`).FindAllString(file, -1) {
			if _, ok := series[strings.TrimSuffix(name, "_bucket")]; !ok {
				t.Errorf("monitoring/ uses the metric %s, which does not exist", name)
			}
		}
	}
	names := submatches(rules, `(?m)^ +- alert: (\w+)$`)
	if len(names) < 8 {
		t.Fatalf("found only %d rules", len(names))
	}
	for i, rule := range strings.Split(rules, "- alert: ")[1:] {
		name := names[i]
		if want := "blob/main/monitoring/runbooks.md#" + strings.ToLower(name) + "\n"; !strings.Contains(rule, want) {
			t.Errorf("%s: runbook_url does not end in %q", name, want)
		}
		if !strings.Contains(rule, "severity: ") || !strings.Contains(rule, "summary: ") {
			t.Errorf("%s: severity or summary is missing", name)
		}
		if !strings.Contains(runbooks, "\n## "+name+"\n") {
			t.Errorf("%s: the runbooks have no section for it", name)
		}
		if !regexp.MustCompile(`alertname: ` + name + `\n +exp_alerts:\n`).MatchString(tests) {
			t.Errorf("%s: no test in which it fires", name)
		}
	}
	for _, section := range submatches(runbooks, `(?m)^## (\w+)$`) {
		if !slices.Contains(names, section) {
			t.Errorf("the runbook %s has no rule", section)
		}
	}
}

// TestDashboardShowsEverySeries compares the metrics in the dashboard's queries
// with the registered ones, both ways. Another test sends the queries to
// Prometheus.
func TestDashboardShowsEverySeries(t *testing.T) {
	board := text(t, "monitoring/dashboard.json")
	shown := map[string]bool{}
	for _, name := range regexp.MustCompile(`\bvigente_\w+`).FindAllString(board, -1) {
		name = strings.TrimSuffix(name, "_bucket")
		shown[name] = true
		if _, ok := series[name]; !ok {
			t.Errorf("the dashboard queries %s, which does not exist", name)
		}
	}
	for name := range series {
		if !shown[name] {
			t.Errorf("the dashboard does not show %s", name)
		}
	}
}

// TestAlertRulesFire runs the unit tests of the rules with promtool.
func TestAlertRulesFire(t *testing.T) {
	promtool := needs.Tool(t, "promtool")
	for _, args := range [][]string{
		{"check", "rules", "alerts.yml"},
		{"test", "rules", "alerts_test.yml"},
	} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = "monitoring"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// text returns the text of a file of the module.
func text(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// submatches returns the first group of every match.
func submatches(s, pattern string) []string {
	var found []string
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(s, -1) {
		found = append(found, m[1])
	}
	return found
}
