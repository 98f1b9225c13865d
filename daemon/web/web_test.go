package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/daemon/view/viewtest"
)

func handler(backend *fakeBackend) http.Handler {
	return New(Options{Backend: backend, Gatherer: gatherer(), Version: "1.2.3"})
}

func gatherer() prometheus.Gatherer {
	registry := prometheus.NewRegistry()
	registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "vigente_test", Help: "A test."}))
	return registry
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
		starting   bool
		code       int
		body       string
	}{
		{"alive", "/livez", healthy(), false, 200, `{"live":true}`},
		{"alive whatever the credentials", "/livez", viewtest.Mixed(), false, 200, `{"live":true}`},
		{"starting", "/livez", engine.View{}, true, 503, `{"live":false,"reason":"the daemon is starting"}`},
		{"ready", "/readyz", healthy(), false, 200, `{"ready":true,"reasons":[]}`},
		{
			"not ready", "/readyz", viewtest.Mixed(), false, 503,
			`{"ready":false,"reasons":[{"credential":"cofre","state":"parked","reason":"rejected","message":"the client secret was refused"},` +
				`{"credential":"novo","state":"pending","reason":"nothing obtained yet"},` +
				`{"sink":"api","state":"failing","reason":"internal","message":"the directory is not writable"}]}`,
		},
		{
			"not ready yet", "/readyz",
			engine.View{},
			true, 503,
			`{"ready":false,"reasons":[{"state":"starting","reason":"the daemon is starting"}]}`,
		},
		{"one ready", "/readyz/loja", healthy(), false, 200, `{"ready":true,"reasons":[]}`},
		{
			"one with a failing sink", "/readyz/loja", viewtest.Mixed(), false, 503,
			`{"ready":false,"reasons":[{"sink":"api","state":"failing","reason":"internal","message":"the directory is not writable"}]}`,
		},
		{"one unknown", "/readyz/nada", viewtest.Mixed(), false, 404, `{"credential":"nada","error":"no credential with this name"}`},
		{"a sink is no credential", "/readyz/till", healthy(), false, 404, `{"credential":"till","error":"no credential with this name"}`},
		{
			"one not ready yet", "/readyz/loja",
			engine.View{},
			true, 503,
			`{"ready":false,"reasons":[{"state":"starting","reason":"the daemon is starting"}]}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := get(handler(&fakeBackend{view: tt.view, starting: tt.starting}), "GET", tt.path)
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
	backend := &fakeBackend{view: viewtest.Mixed()}
	h := handler(backend)
	for _, step := range []struct {
		view engine.View
		code int
	}{{viewtest.Mixed(), 503}, {healthy(), 200}, {viewtest.Mixed(), 503}} {
		backend.view = step.view
		if w := get(h, "GET", "/readyz"); w.Code != step.code {
			t.Errorf("%d, want %d", w.Code, step.code)
		}
	}
}

func TestSilentEngineIsNotAlive(t *testing.T) {
	backend := &fakeBackend{view: healthy()}
	h := handler(backend)
	if w := get(h, "GET", "/livez"); w.Code != 200 {
		t.Fatalf("%d while it answers", w.Code)
	}
	backend.stuck = true
	for _, path := range []string{"/livez", "/readyz", "/readyz/loja", "/"} {
		if w := get(h, "GET", path); w.Code != 503 || !strings.Contains(w.Body.String(), "the engine does not answer") {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
	backend.stuck = false
	if w := get(h, "GET", "/livez"); w.Code != 200 {
		t.Errorf("%d after it answers again", w.Code)
	}
}

func TestMetrics(t *testing.T) {
	w := get(handler(&fakeBackend{starting: true}), "GET", "/metrics")
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

// loggedIn serves a page behind a login, which the handler itself does not
// check.
func loggedIn(t *testing.T, backend Backend) http.Handler {
	t.Helper()
	path := filepath.Join(t.TempDir(), "web.yml")
	if err := os.WriteFile(path, webConfig(t, canary), 0o600); err != nil {
		t.Fatal(err)
	}
	return New(Options{Backend: backend, Gatherer: gatherer(), Version: "1.2.3", Listening: Listening{WebConfig: path}})
}

func TestPageShowsWhatAPersonNeeds(t *testing.T) {
	broken := config
	broken.LastError = "config.toml:3: daemon.listen: no address\nconfig.toml:9: sinks.till.path: required"
	shown := viewtest.Mixed()
	shown.StateError = "no space left on device"
	backend := &fakeBackend{view: shown, config: broken}
	everybody := []string{
		`<title>1 of 3 valid · Vigente</title>`, `<meta http-equiv="refresh" content="10">`,
		"cofre", "the client secret was refused", "1 min ago", "Correct the account or the secret", "run: vigente renew cofre",
		"in 18 h", "in 12 h", "renewed ahead of expiry", "asking now",
		`<rect class="late" x="99" width="1" height="6"/><rect class="used" width="25" height="6"/><rect class="next" x="75"`,
		"25 % of its life is over", "issued 6 h ago", "Action needed.", "its certificate ends in 10 d; only a person can renew it",
		"answers", "cooling down", `<a href="#sink-api"><code>api</code></a>`,
		"the directory is not writable", "ReadWritePaths=",
		"on_change is still to run", "on_change: timeout", "it ran for 30 s", "in 1 min 30 s", "no space left on device",
		"0123456789ab</code>", view.Local(at), "Vigente 1.2.3", `href="/metrics"`, `href="/readyz"`, "runbooks.md",
		`<b class="warn">1</b>pending`, `<b class="bad">1</b>parked`, `<b class="good">1</b>valid`, `<b class="bad">1</b>not delivered`,
	}
	private := []string{"/etc/app/&lt;env&gt;", "config.toml:3: daemon.listen: no address\nconfig.toml:9"}
	for name, h := range map[string]http.Handler{"open": handler(backend), "login": loggedIn(t, backend)} {
		w := get(h, "GET", "/")
		text := w.Body.String()
		if w.Code != 200 || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			t.Fatalf("%d %s", w.Code, w.Header().Get("Content-Type"))
		}
		for _, want := range everybody {
			if !strings.Contains(text, want) {
				t.Errorf("%s: %q is not on the page", name, want)
			}
		}
		for _, text := range []string{text, get(h, "GET", "/?q=api").Body.String()} {
			for _, want := range private {
				if strings.Contains(text, want) != (name == "login") {
					t.Errorf("%s: whether the page shows %q is wrong", name, want)
				}
			}
		}
		// Cofre waits for a person, novo for its first value, loja is fine.
		order := regexp.MustCompile(`(?s)<code>cofre.*<code>novo.*<code>loja.*<code>api<.*<code>till<.*<code>vault<.*<code>tss<`)
		if !order.MatchString(text) {
			t.Errorf("%s: the worst does not come first", name)
		}
		if strings.Contains(text, "0123456789abc") {
			t.Errorf("%s: the whole hash is shown", name)
		}
	}
}

// TestNoPathWithoutLogin looks for what a reader who did not log in must not
// see in any answer.
func TestNoPathWithoutLogin(t *testing.T) {
	v := viewtest.Mixed()
	v.StateError = "write /var/lib/secret-folder/state: no space left on device"
	v.Credentials[0].LastError.Message = "connect to intern.example.com:8443: refused; providers.vault.client_secret is in /etc/secret-folder/pw"
	v.Sinks[0].LastError.Message = `replace /srv/secret-folder/file: the section "secret-folder" is not there`
	c := config
	c.LastError, c.Listener = "/etc/secret-folder/c.toml:3: nonsense", "listen on intern.example.com:80 (daemon.listen): permission denied"
	c.Fleets = []view.Fleet{{
		Name: "shops", Bad: 1, BadRows: []string{"/etc/secret-folder/shops.csv:3: cnpj: wrong"}, Problem: "/etc/secret-folder/shops.csv:1: does not exist",
	}}
	c.Warnings = []view.Warning{{Credential: "loja", Path: "/etc/secret-folder/pw", Message: "open /etc/secret-folder/pw: no such file"}}
	h := handler(&fakeBackend{view: v, config: c})
	for _, path := range []string{"/", "/?q=cofre", "/?page=2", "/readyz", "/readyz/cofre", "/readyz/loja", "/livez"} {
		text := get(h, "GET", path).Body.String()
		for _, banned := range []string{"secret-folder", "intern.example.com", "/etc/", "/srv/", "/opt/", "8443"} {
			if strings.Contains(text, banned) {
				t.Errorf("%s shows %q:\n%s", path, banned, text)
			}
		}
	}
}

func TestPageNeedsNothingElse(t *testing.T) {
	w := get(handler(&fakeBackend{view: viewtest.Mixed(), config: config}), "GET", "/")
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
	for _, banned := range []string{"<script ", "<img", "<link", "style=", "src=", "url(", "@import", "onclick", "http://"} {
		if strings.Contains(text, banned) {
			t.Errorf("the page holds %s", banned)
		}
	}
}

func TestPageWhileStarting(t *testing.T) {
	w := get(handler(&fakeBackend{starting: true}), "GET", "/")
	text := w.Body.String()
	if w.Code != 503 || !strings.Contains(text, "the daemon is starting. This page looks again") {
		t.Errorf("%d %s", w.Code, text)
	}
}

func TestPageOfNothingAndOfAFleet(t *testing.T) {
	if text := get(handler(&fakeBackend{}), "GET", "/").Body.String(); strings.Count(text, "None is configured.") != 3 {
		t.Error("an empty configuration is not said")
	}
	const many = 1234
	var large engine.View
	for i := range many {
		name := fmt.Sprintf("shops/c%05d", i)
		large.Credentials = append(large.Credentials, engine.CredentialView{Name: name, State: engine.Valid})
		large.Sinks = append(large.Sinks, engine.SinkView{Name: name, State: engine.Delivered})
	}
	last := &large.Credentials[many-1]
	last.State, last.LastError = engine.Expired, &schedule.Note{Reason: credential.ReasonNetwork}
	h := handler(&fakeBackend{view: large})
	rows := regexp.MustCompile(`<td><code>(shops/c\d+)</code>`)
	seen := map[string]int{}
	for number := 1; number <= many/rowsAtOnce+1; number++ {
		found := rows.FindAllStringSubmatch(get(h, "GET", fmt.Sprintf("/?page=%d", number)).Body.String(), -1)
		if number == 1 && (len(found) != 2*rowsAtOnce || found[0][1] != last.Name) {
			t.Fatalf("the first page shows %d rows, the first one is %v", len(found), found[0])
		}
		for _, m := range found {
			seen[m[1]]++
		}
	}
	if len(seen) != many {
		t.Errorf("the pages show %d names, want %d", len(seen), many)
	}
	for _, path := range []string{"/?q=C12", "/?q=c12&page=2", "/?q=c12&page=99999", "/?page=-1", "/?page=x", "/?q=" + strings.Repeat("x", 9000)} {
		if w := get(h, "GET", path); w.Code != 200 {
			t.Errorf("%.20s: %d", path, w.Code)
		}
	}
	text := get(h, "GET", "/?q=c0123").Body.String()
	if got := len(rows.FindAllString(text, -1)); got != 8 || !strings.Contains(text, "4 credentials and 4 sinks match") {
		t.Errorf("a search shows %d rows", got)
	}
	if text := get(h, "GET", "/?q=%22%3E%3Cb%3E").Body.String(); strings.Contains(text, "><b>") || !strings.Contains(text, "None matches.") {
		t.Error("what was searched for is not written safely")
	}
}

func TestHeadlineCountsTheConfigurationToo(t *testing.T) {
	refused := config
	refused.LastError = "config.toml:3: daemon.listen: no address"
	unsaved := healthy()
	unsaved.StateError = "no space left on device"
	tableless := config
	tableless.Fleets = []view.Fleet{{Name: "shops", BadRows: []string{"/etc/shops.csv:1: does not exist"}, Problem: "/etc/shops.csv:1: does not exist"}}
	page := get(handler(&fakeBackend{config: tableless}), "GET", "/").Body.String()
	if !strings.Contains(page, "Fleet shops is empty: its table cannot be used.") || strings.Contains(page, "/etc/") {
		t.Error("the page does not say that the table of a fleet cannot be used, or shows its path")
	}
	if got := get(handler(&fakeBackend{config: tableless}), "GET", "/readyz").Body.String(); !strings.Contains(got, `"empty_fleets":["shops"]`) {
		t.Errorf("readyz: got %s", got)
	}
	for name, tt := range map[string]struct {
		backend *fakeBackend
		want    string
	}{
		"good":    {&fakeBackend{view: healthy(), config: config}, "Everything is valid and delivered."},
		"refused": {&fakeBackend{view: healthy(), config: refused}, "Action needed."},
		"unsaved": {&fakeBackend{view: unsaved, config: config}, "Action needed."},
		"empty":   {&fakeBackend{config: config}, "Nothing is configured yet."},
		"table":   {&fakeBackend{config: tableless}, "Action needed."},
	} {
		if text := get(handler(tt.backend), "GET", "/").Body.String(); !strings.Contains(text, ">"+tt.want+"<") {
			t.Errorf("%s: the page does not say %q", name, tt.want)
		}
	}
}

func TestLimitsAreToldWhenTheyAreNear(t *testing.T) {
	for days, class := range map[int]string{-1: view.ClassBad, 10: view.ClassWarn, 59: view.ClassWarn, 60: "", 8000: ""} {
		end := at.Add(time.Duration(days) * 24 * time.Hour)
		limits := view.LimitsOf([]credential.Limit{{Kind: "certificate", EndsAt: end, Person: true}, {Kind: "term", EndsAt: end}})
		got := english.limits(limits, at)
		if class == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || got[0].Class != class {
			t.Errorf("%d days: %+v, want class %q", days, got, class)
		}
	}
}
