package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

func handler(backend *fakeBackend) http.Handler {
	registry := prometheus.NewRegistry()
	up := prometheus.NewGauge(prometheus.GaugeOpts{Name: "vigente_test", Help: "A test."})
	registry.MustRegister(up)
	return New(Options{Backend: backend, Gatherer: registry, Version: "1.2.3"})
}

func get(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func healthy() engine.View {
	return engine.View{
		At:          at,
		Credentials: []engine.CredentialView{{Name: "loja", State: engine.Valid, Generation: 1, ExpiresAt: at.Add(time.Hour)}},
		Sinks:       []engine.SinkView{{Name: "till", State: engine.Delivered, Needs: []string{"loja"}}},
	}
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name, path string
		view       engine.View
		err        error
		code       int
		body       string
	}{
		{"alive", "/livez", healthy(), nil, 200, `{"live":true}`},
		{"alive whatever the credentials", "/livez", fleet(), nil, 200, `{"live":true}`},
		{"starting", "/livez", engine.View{}, errors.New(canary), 503, `{"live":false,"reason":"the daemon is starting"}`},
		{"ready", "/readyz", healthy(), nil, 200, `{"ready":true,"reasons":[]}`},
		{
			"not ready", "/readyz", fleet(), nil, 503,
			`{"ready":false,"reasons":[{"credential":"cofre","state":"parked","reason":"rejected","message":"the client secret was refused"},` +
				`{"credential":"novo","state":"pending","reason":"nothing obtained yet"},` +
				`{"sink":"api","state":"failing","reason":"internal","message":"the directory is not writable"}]}`,
		},
		{
			"not ready yet", "/readyz",
			engine.View{},
			errors.New(canary), 503,
			`{"ready":false,"reasons":[{"state":"starting","reason":"the daemon is starting"}]}`,
		},
		{"one ready", "/readyz/loja", healthy(), nil, 200, `{"ready":true,"reasons":[]}`},
		{
			"one with a failing sink", "/readyz/loja", fleet(), nil, 503,
			`{"ready":false,"reasons":[{"sink":"api","state":"failing","reason":"internal","message":"the directory is not writable"}]}`,
		},
		{"one unknown", "/readyz/nada", fleet(), nil, 404, `{"credential":"nada","error":"no credential of this name"}`},
		{"a sink is no credential", "/readyz/till", healthy(), nil, 404, `{"credential":"till","error":"no credential of this name"}`},
		{
			"one not ready yet", "/readyz/loja",
			engine.View{},
			errors.New(canary), 503,
			`{"ready":false,"reasons":[{"state":"starting","reason":"the daemon is starting"}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := get(handler(&fakeBackend{view: tt.view, err: tt.err}), "GET", tt.path)
			if w.Code != tt.code || strings.TrimSpace(w.Body.String()) != tt.body {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, tt.code, tt.body)
			}
			if got := w.Header().Get("Content-Type"); got != "application/json" {
				t.Errorf("the type is %q", got)
			}
			if !json.Valid(w.Body.Bytes()) {
				t.Error("the body is no JSON")
			}
		})
	}
}

func TestReadinessRecovers(t *testing.T) {
	backend := &fakeBackend{view: fleet()}
	h := handler(backend)
	for _, step := range []struct {
		view engine.View
		code int
	}{{fleet(), 503}, {healthy(), 200}, {fleet(), 503}} {
		backend.view = step.view
		if w := get(h, "GET", "/readyz"); w.Code != step.code {
			t.Errorf("%d, want %d", w.Code, step.code)
		}
	}
}

func TestSilentEngineIsNotAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		backend := &fakeBackend{view: healthy()}
		h := handler(backend)
		if w := get(h, "GET", "/livez"); w.Code != 200 {
			t.Fatalf("%d while it answers", w.Code)
		}
		backend.hangs = true
		for _, path := range []string{"/livez", "/readyz", "/readyz/loja", "/"} {
			start := time.Now()
			w := get(h, "GET", path)
			if w.Code != 503 || !strings.Contains(w.Body.String(), "the engine does not answer") {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
			if waited := time.Since(start); waited != 5*time.Second {
				t.Errorf("%s waited %v", path, waited)
			}
		}
		backend.hangs = false
		if w := get(h, "GET", "/livez"); w.Code != 200 {
			t.Errorf("%d after it answers again", w.Code)
		}
	})
}

func TestMetrics(t *testing.T) {
	w := get(handler(&fakeBackend{err: errors.New("starting")}), "GET", "/metrics")
	if w.Code != 200 || !strings.Contains(w.Body.String(), "\nvigente_test 0\n") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestOnlyReading(t *testing.T) {
	h := handler(&fakeBackend{view: healthy()})
	for _, path := range []string{"/", "/metrics", "/livez", "/readyz", "/readyz/loja"} {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS"} {
			if w := get(h, method, path); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, allows %q", method, path, w.Code, w.Header().Get("Allow"))
			}
		}
		if w := get(h, "HEAD", path); w.Code != 200 {
			t.Errorf("HEAD %s: %d", path, w.Code)
		}
	}
	if w := get(h, "GET", "/nothing"); w.Code != 404 {
		t.Errorf("an unknown path: %d", w.Code)
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	h := handler(&fakeBackend{view: healthy()})
	for _, path := range []string{"/", "/metrics", "/livez", "/readyz", "/readyz/nada", "/nothing"} {
		header := get(h, "GET", path).Header()
		for name, want := range map[string]string{
			"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if policy := header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
			t.Errorf("%s: the policy is %q", path, policy)
		}
	}
}

func TestPageShowsWhatAPersonNeeds(t *testing.T) {
	broken := config
	broken.LastError = "config.toml:3: daemon.listen: no address\nconfig.toml:9: sinks.till.path: required"
	view := fleet()
	view.StateError = "no space left on device"
	w := get(handler(&fakeBackend{view: view, config: broken}), "GET", "/")
	text := w.Body.String()
	if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
		t.Fatalf("%d %s", w.Code, w.Header().Get("Content-Type"))
	}
	for _, want := range []string{
		`<title>1 of 3 valid · Vigente</title>`, `<meta http-equiv="refresh" content="10">`,
		"cofre", "the client secret was refused", "1 min ago", "Correct the account or the secret", "run: vigente renew cofre",
		"in 18 h", "in 12 h", "renewed ahead of expiry", "asking now",
		`<rect class="late" x="99" width="1" height="6"/><rect class="used" width="25" height="6"/><rect class="next" x="75"`,
		"25 % of its life is over", "issued 6 h ago", "Something needs a person.", "its certificate ends in 10 d, and only a person can renew it",
		"answers", "cooling down",
		"/etc/app/&lt;env&gt;", "the directory is not writable", "ReadWritePaths=",
		"on_change is still to run", "on_change: timeout", "it ran for 30 s", "in 1 min 30 s",
		"config.toml:3: daemon.listen: no address\nconfig.toml:9", "no space left on device",
		"0123456789ab</code>", "2026-11-22T12:00:00Z", "Vigente 1.2.3",
		`<b class="warn">1</b>pending`, `<b class="bad">1</b>parked`, `<b class="good">1</b>valid`, `<b class="bad">1</b>not delivered`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	// Novo waits for its first value, cofre is still in force, loja is fine.
	order := regexp.MustCompile(`(?s)<code>novo.*<code>cofre.*<code>loja.*<code>api<.*<code>till<`)
	if !order.MatchString(text) {
		t.Error("the rows are not in the order of their urgency")
	}
	if strings.Contains(text, "0123456789abc") {
		t.Error("the whole hash is shown")
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	w := get(handler(&fakeBackend{view: fleet(), config: config}), "GET", "/")
	text := w.Body.String()
	policy := w.Header().Get("Content-Security-Policy")
	for _, element := range []string{"style", "script"} {
		inline := regexp.MustCompile(`(?s)<`+element+`>(.*?)</`+element+`>`).FindAllStringSubmatch(text, -1)
		if len(inline) != 1 {
			t.Fatalf("the page has %d elements %s", len(inline), element)
		}
		if !strings.Contains(policy, element+"-src "+hashSource(inline[0][1])+";") {
			t.Errorf("the policy %q does not allow the page's own %s", policy, element)
		}
	}
	for _, banned := range []string{"<script ", "<img", "<link", "style=", "src=", "href=", "url(", "@import", "onclick", "http://", "https://"} {
		if strings.Contains(text, banned) {
			t.Errorf("the page holds %s", banned)
		}
	}
}

func TestPageWhileStarting(t *testing.T) {
	w := get(handler(&fakeBackend{err: errors.New(canary)}), "GET", "/")
	text := w.Body.String()
	if w.Code != 503 || !strings.Contains(text, "the daemon is starting. This page looks again") {
		t.Errorf("%d %s", w.Code, text)
	}
	if strings.Contains(text, canary) {
		t.Error("the cause is shown")
	}
}

func TestPageOfNothingAndOfAFleet(t *testing.T) {
	if text := get(handler(&fakeBackend{}), "GET", "/").Body.String(); strings.Count(text, "None is configured.") != 3 {
		t.Error("an empty configuration is not said")
	}
	var large engine.View
	for i := range maxRows + 7 {
		name := fmt.Sprintf("c%05d", i)
		large.Credentials = append(large.Credentials, engine.CredentialView{Name: name, State: engine.Valid})
		large.Sinks = append(large.Sinks, engine.SinkView{Name: name, State: engine.Delivered})
	}
	last := &large.Credentials[len(large.Credentials)-1]
	last.State, last.LastError = engine.Expired, &schedule.Note{Reason: credential.ReasonNetwork}
	text := get(handler(&fakeBackend{view: large}), "GET", "/").Body.String()
	if strings.Count(text, "and 7 more") != 2 || !strings.Contains(text, last.Name) {
		t.Error("the page does not show the urgent end of the fleet")
	}
	if strings.Contains(text, fmt.Sprintf("c%05d", maxRows)) {
		t.Error("the page shows more than it says")
	}
}

func TestVerdictCountsTheConfigurationToo(t *testing.T) {
	refused := config
	refused.LastError = "config.toml:3: daemon.listen: no address"
	unsaved := healthy()
	unsaved.StateError = "no space left on device"
	for name, tt := range map[string]struct {
		backend *fakeBackend
		want    string
	}{
		"good":    {&fakeBackend{view: healthy(), config: config}, "Everything is valid and delivered."},
		"refused": {&fakeBackend{view: healthy(), config: refused}, "Something needs a person."},
		"unsaved": {&fakeBackend{view: unsaved, config: config}, "Something needs a person."},
		"empty":   {&fakeBackend{config: config}, "Nothing is configured yet."},
	} {
		if text := get(handler(tt.backend), "GET", "/").Body.String(); !strings.Contains(text, ">"+tt.want+"<") {
			t.Errorf("%s: the page does not say %q", name, tt.want)
		}
	}
}

func TestLimitsAreUrgentWhenTheyAreNear(t *testing.T) {
	for days, class := range map[int]string{-1: ClassWarn, 10: ClassWarn, 59: ClassWarn, 60: "soft", 8000: "soft"} {
		end := at.Add(time.Duration(days) * 24 * time.Hour)
		got := english.limits([]credential.Limit{{Kind: "certificate", EndsAt: end, Person: true}, {Kind: "term", EndsAt: end}}, at)
		if len(got) != 1 || got[0].Class != class {
			t.Errorf("%d days: %+v", days, got)
		}
	}
}
