package web

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/vigented/vigente/daemon/view/viewtest"
	"github.com/vigented/vigente/internal/needs"
)

// look is what a browser saw of the page once.
type look struct {
	Name, Lang, Title, Text string
	Wide                    int      // by how much the page is wider than the window
	Faint                   []string // what is hard to read
	Reloads                 bool     // by itself, without a script
}

// TestBrowser shows the page to a real Chromium: in both languages, light and
// dark, on a desk and on a phone, without scripts, and while the state changes.
func TestBrowser(t *testing.T) {
	t.Parallel()
	chromium, node := needs.Tool(t, "chromium"), needs.Tool(t, "node")
	if _, err := os.Stat("testdata/browser/node_modules/playwright-core"); err != nil {
		needs.Missing(t, "playwright-core (npm install --prefix daemon/web/testdata/browser)")
	}
	pictures := t.TempDir()
	if kept := os.Getenv("VIGENTE_PICTURES"); kept != "" {
		pictures = kept // to be looked at
	}
	server := httptest.NewServer(changing())
	defer server.Close()
	cmd := exec.CommandContext(t.Context(), node, "look.mjs", chromium, server.URL, pictures)
	cmd.Dir = "testdata/browser"
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var report struct {
		Seen []look
		Open struct {
			Before, After, Text string
			Loads               int
			Kept                bool
		}
		Complaints []string
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(report.Seen) != 10 {
		t.Errorf("%d looks", len(report.Seen))
	}
	for _, complaint := range report.Complaints {
		t.Error(complaint)
	}
	for _, l := range report.Seen {
		l.check(t)
	}
	if o := report.Open; o.Before != "1 of 3 valid · Vigente" || o.After != "1 of 1 valid · Vigente" || o.Loads != 0 || !o.Kept {
		t.Errorf("a page that stays open: %+v", o)
	}
}

func (l look) check(t *testing.T) {
	lang, words := "en", []string{"Credentials", "Sinks", "Correct the account or the secret"}
	if strings.HasPrefix(l.Name, "pt-BR") || l.Name == "no-script" {
		lang, words = "pt-BR", []string{"Credenciais", "Destinos", "Corrija a conta ou o segredo"}
	}
	if l.Lang != lang {
		t.Errorf("%s: the language is %q", l.Name, l.Lang)
	}
	for _, word := range append(words, "cofre", "the client secret was refused") {
		if !strings.Contains(l.Text, word) {
			t.Errorf("%s: %q is not seen", l.Name, word)
		}
	}
	if l.Wide > 0 {
		t.Errorf("%s: the page is %d pixels too wide", l.Name, l.Wide)
	}
	for _, faint := range l.Faint {
		t.Errorf("%s: hard to read: %s", l.Name, faint)
	}
	if l.Reloads != (l.Name == "no-script") {
		t.Errorf("%s: reloads by itself: %v", l.Name, l.Reloads)
	}
}

// changing serves the fleet, then a healthy state, then cuts every answer.
func changing() http.Handler {
	var lock sync.Mutex
	shown, silent := viewtest.Mixed(), false
	mux := http.NewServeMux()
	mux.HandleFunc("POST /next", func(http.ResponseWriter, *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		shown = healthy()
	})
	mux.HandleFunc("POST /silent", func(http.ResponseWriter, *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		silent = true
	})
	mux.HandleFunc("/favicon.ico", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		view, cut := shown, silent
		lock.Unlock()
		if cut {
			panic(http.ErrAbortHandler)
		}
		handler(&fakeBackend{view: view, config: config}).ServeHTTP(w, r)
	})
	return mux
}
