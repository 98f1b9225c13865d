package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"

	"github.com/vigented/vigente/daemon/engine"
)

//go:embed style.css
var style string

//go:embed script.js
var script string

//go:embed page.html
var pageText string

// pageTemplates holds the page in each tongue, by its tag.
var pageTemplates = parsePages()

func parsePages() map[string]*template.Template {
	pages := map[string]*template.Template{}
	for _, l := range tongues {
		words := template.FuncMap{"say": l.say, "tag": func() string { return l.tag }}
		pages[l.tag] = template.Must(template.New("page").Funcs(words).Parse(pageText))
	}
	return pages
}

// pagePolicy allows the page's own style and script, questions to the daemon
// itself, and nothing else.
var pagePolicy = "default-src 'none'; style-src " + hashSource(style) + "; script-src " + hashSource(script) +
	"; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// hashSource names inline text in a content security policy.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// maxRows bounds the page: a person reads the urgent end of a fleet.
const maxRows = 500

// page is what the template shows, all its words in one tongue.
type page struct {
	Style                      template.CSS
	Script                     template.JS
	Title, Version             string
	Starting, At               string
	Verdict                    verdict
	Counts                     []pageCount
	ConfigError, StateError    string
	Hash, LoadedAt             string
	Credentials                []credentialRow
	Sinks                      []sinkRow
	Providers                  []providerRow
	MoreCredentials, MoreSinks string
}

// verdict is the first thing a person reads.
type verdict struct{ Words, Class string }

type pageCount struct {
	Number       int
	Words, Class string
}

// overview answers with the page for people, in the browser's language.
func (p *pages) overview(w http.ResponseWriter, r *http.Request) {
	l := tongueFor(r.Header.Get("Accept-Language"))
	shown := page{Style: template.CSS(style), Script: template.JS(script), Version: p.version} //nolint:gosec // our own
	code := http.StatusOK
	if v, err := p.view(r); err != nil {
		_, reason := p.silence()
		shown.Starting = l.say(reason)
		shown.Title = shown.Starting
		code = http.StatusServiceUnavailable
	} else {
		hash, loadedAt, lastError := p.backend.ConfigStatus()
		shown.fill(v, Config{Hash: hash, LoadedAt: loadedAt, LastError: lastError}, l)
	}
	var text bytes.Buffer // a template that fails must not leave half a page
	if err := pageTemplates[l.tag].Execute(&text, shown); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Language", l.tag)
	w.Header().Set("Vary", "Accept-Language")
	w.WriteHeader(code)
	_, _ = w.Write(text.Bytes())
}

func (s *page) fill(v engine.View, c Config, l tongue) {
	s.At = Stamp(v.At)
	s.Hash, s.LoadedAt, s.ConfigError, s.StateError = c.Hash[:min(12, len(c.Hash))], Stamp(c.LoadedAt), c.LastError, v.StateError
	credentials, sinks := ByUrgency(v), SinksByUrgency(v)
	worst := ClassGood
	if s.ConfigError != "" || s.StateError != "" {
		worst = ClassBad // a person has to look, however well all tokens are
	}
	s.count(credentials, sinks, worst, l)
	s.MoreCredentials, s.MoreSinks = more(len(credentials), l), more(len(sinks), l)
	for _, c := range credentials[:min(maxRows, len(credentials))] {
		s.Credentials = append(s.Credentials, newCredentialRow(c, v.At, l))
	}
	for _, k := range sinks[:min(maxRows, len(sinks))] {
		s.Sinks = append(s.Sinks, newSinkRow(k, v.At, l))
	}
	s.Providers = providerRows(v, l)
}

// more says how many rows are not shown.
func more(rows int, l tongue) string {
	if rows <= maxRows {
		return ""
	}
	return l.sayf("and %d more, all less urgent than these", rows-maxRows)
}

// count fills the verdict, which is no better than worst, and the line of
// numbers; states that nothing is in are left out.
func (s *page) count(credentials []engine.CredentialView, sinks []engine.SinkView, worst string, l tongue) {
	states := map[engine.State]int{}
	for _, c := range credentials {
		states[c.State]++
		worst = worse(worst, Class(c.State))
	}
	undelivered := 0
	for _, k := range sinks {
		if k.State != engine.Delivered {
			undelivered++
		}
		worst = worse(worst, SinkClass(k.State))
	}
	for _, state := range [...]engine.State{engine.Expired, engine.Parked, engine.Pending, engine.Failing, engine.Valid} {
		if states[state] > 0 || state == engine.Valid {
			s.Counts = append(s.Counts, pageCount{states[state], l.say(string(state)), Class(state)})
		}
	}
	if undelivered > 0 {
		s.Counts = append(s.Counts, pageCount{undelivered, l.say("not delivered"), ClassBad})
	}
	s.Title = l.sayf("%d of %d valid", states[engine.Valid], len(credentials))
	words := map[string]string{
		ClassGood: "Everything is valid and delivered.",
		ClassWarn: "Something fails; it is tried again by itself.",
		ClassBad:  "Something needs a person.",
	}[worst]
	if len(credentials)+len(sinks) == 0 && worst == ClassGood {
		words = "Nothing is configured yet."
	}
	s.Verdict = verdict{l.say(words), worst}
}

// worse returns the class that asks more of a person.
func worse(a, b string) string {
	if a == ClassBad || b == ClassGood {
		return a
	}
	return b
}
