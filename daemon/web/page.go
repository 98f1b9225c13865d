package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

//go:embed style.css
var style string

//go:embed script.js
var script string

//go:embed page.html
var pageText string

// pageTemplates contains the page in each language, by its tag.
var pageTemplates = parsePages()

func parsePages() map[string]*template.Template {
	pages := map[string]*template.Template{}
	for _, l := range tongues {
		words := template.FuncMap{"say": l.say, "tag": func() string { return l.tag }}
		pages[l.tag] = template.Must(template.New("page").Funcs(words).Parse(pageText))
	}
	return pages
}

// pagePolicy allows the page's own style and script, requests to the daemon, and
// nothing else.
var pagePolicy = "default-src 'none'; style-src " + hashSource(style) + "; script-src " + hashSource(script) +
	"; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// hashSource returns the source expression of inline text in a content security
// policy.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// rowsAtOnce is the number of table rows on one page.
const rowsAtOnce = 100

// page is the data of the template, in one language.
type page struct {
	Style                   template.CSS
	Script                  template.JS
	Title, Version          string
	Starting, At            string
	Headline                view.Headline
	Counts                  []pageCount
	ConfigError, StateError told
	Listener, Cluster       told
	Limits                  []limitNote
	Fleets                  []fleetNote
	Hash, LoadedAt          string
	Search                  string
	Found                   string
	Pages                   []pageLink
	Credentials             []credentialRow
	Sinks                   []sinkRow
	Providers               []providerRow
}

type pageCount struct {
	Number       int
	Words, Class string
}

// pageLink links to another page of the tables. Here marks the current one.
type pageLink struct {
	Number int
	To     string
	Here   bool
}

// fleetNote lists the bad rows of a fleet.
type fleetNote struct {
	Words string
	Rows  []string
}

// overview answers with the page in the browser's language.
func (p *pages) overview(w http.ResponseWriter, r *http.Request) {
	l, q := tongueFor(r.Header.Get("Accept-Language")), questionOf(r)
	p.overviews.Serve(w, r, l.tag+" "+q.to(q.page), func(w http.ResponseWriter) { p.show(w, q, l) })
}

// show writes the page.
func (p *pages) show(w http.ResponseWriter, q question, l tongue) {
	shown := page{Style: template.CSS(style), Script: template.JS(script), Version: p.version} //nolint:gosec // our own
	code := http.StatusOK
	if _, reason := p.silence(); reason != "" {
		shown.Starting = l.say(reason)
		shown.Title = shown.Starting
		code = http.StatusServiceUnavailable
	} else {
		p.fill(&shown, q, l)
	}
	var text bytes.Buffer // a failing template must not send half a page
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

// question is what a reader asks for.
type question struct {
	search string
	page   int // from 1
}

const longestSearch = 200

func questionOf(r *http.Request) question {
	values := r.URL.Query()
	q := question{search: strings.TrimSpace(values.Get("q"))}
	q.search = strings.ToValidUTF8(q.search[:min(len(q.search), longestSearch)], "")
	number, err := strconv.Atoi(values.Get("page"))
	if err != nil {
		number = 1
	}
	q.page = max(1, number)
	return q
}

// to returns the URL of another page of the same question.
func (q question) to(number int) string {
	values := url.Values{}
	if q.search != "" {
		values.Set("q", q.search)
	}
	if number > 1 {
		values.Set("page", strconv.Itoa(number))
	}
	if len(values) == 0 {
		return "/"
	}
	return "/?" + values.Encode()
}

// query selects the answer to the question, up to the end of its page.
func (q question) query() engine.Query {
	selected := engine.Query{Worst: true, Limit: q.page * rowsAtOnce, History: true}
	if q.search != "" {
		selected.Names = []string{"*" + strings.ToLower(q.search) + "*"}
	}
	return selected
}

// fill adds the answer to the question, as far as the reader may see it.
func (p *pages) fill(s *page, q question, l tongue) {
	c, sum := p.backend.Config(), p.backend.Summary()
	all := p.backend.Select(engine.Query{Worst: true, Limit: rowsAtOnce})
	found := p.backend.Select(q.query())
	rows := max(count(found.Totals.Credentials), count(found.Totals.Sinks))
	parts := max(1, (rows+rowsAtOnce-1)/rowsAtOnce)
	if q.page > parts {
		q.page = parts
		found = p.backend.Select(q.query())
	}
	s.Headline = view.HeadlineOf(all, c)
	s.Headline.Words = l.say(s.Headline.Words)
	s.count(sum.Totals, l)
	s.Search, s.Pages = q.search, linksOf(q, parts)
	if q.search != "" {
		s.Found = l.sayf("%d credentials and %d sinks match", count(found.Totals.Credentials), count(found.Totals.Sinks))
	}
	found.Credentials, found.Sinks = part(found.Credentials, q.page), part(found.Sinks, q.page)
	if p.public() {
		found, c = view.Public(found), view.PublicConfig(c)
	}
	s.frame(found, c, l)
	for _, one := range found.Credentials {
		s.Credentials = append(s.Credentials, newCredentialRow(one, found.At, l))
	}
	for _, one := range found.Sinks {
		s.Sinks = append(s.Sinks, newSinkRow(one, found.At, l))
	}
	s.link(all, found)
	s.Providers = providerRows(sum, l)
}

// frame fills in everything around the tables.
func (s *page) frame(v engine.View, c view.Config, l tongue) {
	s.At = view.Local(v.At)
	s.Hash, s.LoadedAt = c.Hash[:min(12, len(c.Hash))], view.Local(c.LoadedAt)
	s.ConfigError, s.StateError = l.told(c.LastError), l.told(v.StateError)
	s.Cluster, s.Listener, s.Limits = l.told(c.Cluster), l.told(c.Listener), l.listenerLimits(c.Limits, v.At)
	for _, f := range c.Fleets {
		if f.Problem != "" {
			s.Fleets = append(s.Fleets, fleetNote{l.sayf("Fleet %s is empty: its table cannot be used.", f.Name), []string{f.Problem}})
		}
		if f.Bad > 0 {
			s.Fleets = append(s.Fleets, fleetNote{l.sayf("Fleet %s: %d rows cannot be used.", f.Name, f.Bad), f.BadRows[:min(len(f.BadRows), rowsAtOnce)]})
		}
	}
}

func count(states map[engine.State]int) (n int) {
	for _, more := range states {
		n += more
	}
	return n
}

// part returns the rows of one page.
func part[T any](all []T, number int) []T { return all[min(len(all), (number-1)*rowsAtOnce):] }

// linksOf returns links to the first pages, the last ones and those around the
// current one.
func linksOf(q question, parts int) (links []pageLink) {
	if parts < 2 {
		return nil
	}
	for number := 1; number <= parts; number++ {
		if number <= 2 || number > parts-2 || max(number-q.page, q.page-number) <= 2 {
			links = append(links, pageLink{number, q.to(number), number == q.page})
		}
	}
	return links
}

// link adds to each credential links to its undelivered sinks: those on this page and
// the worst of all.
func (s *page) link(all, found engine.View) {
	rows := map[string]*credentialRow{}
	for i := range s.Credentials {
		rows[s.Credentials[i].Name] = &s.Credentials[i]
	}
	here, linked := map[string]bool{}, map[string]bool{}
	for _, k := range found.Sinks {
		here[k.Name] = true
	}
	for _, k := range slices.Concat(found.Sinks, all.Sinks) {
		if linked[k.Name] || k.State == engine.Delivered || k.State == engine.Pending {
			continue
		}
		linked[k.Name] = true
		for _, name := range k.Needs {
			if row := rows[name]; row != nil {
				row.Sinks = append(row.Sinks, sinkLink(k.Name, here[k.Name]))
			}
		}
	}
}

// nameLink links to the row of an object.
type nameLink struct{ Name, To string }

func sinkLink(name string, here bool) nameLink {
	anchor := "#" + anchorOf(name)
	if here {
		return nameLink{name, anchor}
	}
	return nameLink{name, question{search: name}.to(1) + anchor}
}

// anchorOf names the row of a sink within the page.
func anchorOf(sink string) string { return "sink-" + strings.ReplaceAll(sink, "/", ".") }

// count fills in the numbers by state, without empty states.
func (s *page) count(totals engine.Totals, l tongue) {
	for _, state := range engine.CredentialStates {
		if n := totals.Credentials[state]; n > 0 || state == engine.Valid {
			s.Counts = append(s.Counts, pageCount{n, l.counted(n, string(state)), view.Class(state)})
		}
	}
	if undelivered := count(totals.Sinks) - totals.Sinks[engine.Delivered]; undelivered > 0 {
		s.Counts = append(s.Counts, pageCount{undelivered, l.say("not delivered"), view.ClassBad})
	}
	s.Title = l.sayf("%d of %d valid", totals.Credentials[engine.Valid], count(totals.Credentials))
}
