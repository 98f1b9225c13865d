package web

import (
	"maps"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/daemon/view/viewtest"
)

// sayings gathers every text that a page can say: those that the template and
// the code ask for by their letters, the states, the fixes, the board's reasons.
func sayings(t testing.TB) []string {
	t.Helper()
	said := map[string]bool{}
	gather := func(file, form string) {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := regexp.MustCompile(form).FindAllStringSubmatch(string(data), -1)
		if len(found) == 0 {
			t.Fatalf("%s: nothing has the form %s", file, form)
		}
		for _, m := range found {
			said[m[1]] = true
		}
	}
	gather("page.html", `\{\{say "([^"]+)"`)
	for _, file := range []string{"page.go", "rows.go"} {
		gather(file, `\.sayf?\("([^"]+)"`)
	}
	gather("health.go", `word(?:, row\.Class)? :?= "([^"]+)"`)
	gather("web.go", `return "\w+", "([^"]+)"`)
	gather("../schedule/due.go", `Why\{"\w*", "([^"]+)"\}`)
	for _, state := range engine.CredentialStates {
		said[string(state)] = true
	}
	for _, state := range engine.SinkStates {
		said[string(state)] = true
	}
	for _, name := range view.LimitNames {
		said[name] = true
	}
	for _, text := range slices.Concat(view.Fixes(), view.Headlines(), []string{view.LimitEnds, view.LimitEnded, "in %s", "%s ago", "now"}) {
		said[text] = true
	}
	var all []string
	for text := range said {
		all = append(all, text)
	}
	slices.Sort(all)
	return all
}

// TestPortugueseIsComplete compares what a page can say with what is translated.
func TestPortugueseIsComplete(t *testing.T) {
	all := sayings(t)
	if len(all) < 90 {
		t.Fatalf("only %d texts were found", len(all))
	}
	verbs := regexp.MustCompile(`%[a-z%]`)
	for _, text := range all {
		word, ok := portugueseWords[text]
		if !ok {
			t.Errorf("%q has no translation", text)
		}
		if ok && word == text && text != "refresh token" { // what Brazilians say too
			t.Errorf("%q is not translated", text)
		}
		if got, want := verbs.FindAllString(word, -1), verbs.FindAllString(text, -1); ok && !slices.Equal(got, want) {
			t.Errorf("%q fills %q in Portuguese", text, got)
		}
		if strings.Contains(text, "NAME") != strings.Contains(word, "NAME") {
			t.Errorf("%q: its name is lost in Portuguese", text)
		}
	}
	for text := range portugueseWords {
		if !slices.Contains(all, text) {
			t.Errorf("%q is translated, and never said", text)
		}
	}
}

func TestTongueIsTheBrowsers(t *testing.T) {
	for _, tt := range []struct{ wish, tag string }{
		{"", "en"},
		{"en", "en"},
		{"en-GB,en;q=0.9", "en"},
		{"pt-BR,pt;q=0.9,en-US;q=0.8,en;q=0.7", "pt-BR"},
		{"pt", "pt-BR"},
		{"pt-PT", "pt-BR"},
		{"en;q=0.5, pt-BR;q=0.8", "pt-BR"},
		{"de,fr;q=0.9", "en"},
		{"fr,pt;q=0.5", "pt-BR"},
		{"*", "en"},
		{";;;q=what", "en"},
		{strings.Repeat("de,", 5000) + "pt", "pt-BR"},
	} {
		if got := tongueFor(tt.wish).tag; got != tt.tag {
			t.Errorf("%.40q gets %s, want %s", tt.wish, got, tt.tag)
		}
	}
}

func TestCountedStates(t *testing.T) {
	for n, want := range map[int]string{0: "válidas", 1: "válida", 6: "válidas"} {
		if got := portuguese.counted(n, "valid"); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
	if got := english.counted(6, "valid"); got != "valid" {
		t.Errorf("in English: got %q, want valid", got)
	}
	for singular := range portuguesePlurals {
		if !slices.Contains(slices.Collect(maps.Values(portugueseWords)), singular) {
			t.Errorf("%q is not a word of the page", singular)
		}
	}
}

func TestPageInPortuguese(t *testing.T) {
	h := handler(&fakeBackend{view: viewtest.Mixed(), config: config})
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Accept-Language", "pt-BR")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	text := w.Body.String()
	for name, want := range map[string]string{"Content-Language": "pt-BR", "Vary": "Accept-Language"} {
		if got := w.Header().Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
	for _, want := range []string{
		`<html lang="pt-BR">`, "<title>1 de 3 válidas · Vigente</title>", "Requer intervenção.",
		"há 1 min", "em 18 h", "renovação antes de vencer", "execute: vigente renew cofre",
		`<span lang="en">the client secret was refused</span>`, "certificado: vence em 10 d; só uma pessoa pode renovar", "on_change ainda vai executar", "em espera",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	for _, english := range []string{"Next attempt", "valid<", "pending", ">parked", "delivered<", " ago<", "It is retried"} {
		if strings.Contains(text, english) {
			t.Errorf("%q is on the page", english)
		}
	}
}
