package status

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"time"

	"github.com/vigented/vigente/daemon/refresh"
	"github.com/vigented/vigente/daemon/schedule"
)

//go:embed style.css
var style string

//go:embed page.html
var pageText string

var (
	pageTemplate = template.Must(template.New("page").Parse(pageText))
	styleSource  = hashSource(style)
)

// hashSource names inline text in a content security policy.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// maxRows bounds the page: a person reads the urgent end of a fleet.
const maxRows = 500

// page is what the template shows.
type page struct {
	Style                        template.CSS
	Title, Version, Starting, At string
	Counts                       []pageCount
	ConfigError, StateError      string
	Hash, LoadedAt               string
	Credentials                  []credentialRow
	Sinks                        []sinkRow
	Providers                    []providerRow
	MoreCredentials, MoreSinks   int
}

type pageCount struct {
	Number       int
	Words, Class string
}

// when is an instant in words and in full.
type when struct{ At, Words string }

type pageNote struct{ Reason, Message, Ago, Cure, Class string }

// life is where the present stands between issue and expiry, in percent.
type life struct {
	Used, Next int
	HasNext    bool
}

type credentialRow struct {
	Name, Provider, Type, State, Class, NextReason string
	Generation                                     uint64
	Running                                        bool
	Life                                           *life
	Expires, Next                                  when
	Notes                                          []pageNote
}

type sinkRow struct {
	Name, Type, Path, State, Class, Hook string
	Holds                                []string
	Delivered                            when
	Notes                                []pageNote
}

type providerRow struct {
	Name, Type       string
	Running, Waiting int
	Cooldown         when
}

// overview answers with the page for people.
func (p *pages) overview(w http.ResponseWriter, r *http.Request) {
	shown := page{Style: template.CSS(style), Version: p.version} //nolint:gosec // our own style sheet
	code := http.StatusOK
	if v, err := p.view(r); err != nil {
		_, shown.Starting = p.silence()
		shown.Title = shown.Starting
		code = http.StatusServiceUnavailable
	} else {
		hash, loadedAt, lastError := p.backend.ConfigStatus()
		shown.fill(v, Config{Hash: hash, LoadedAt: loadedAt, LastError: lastError})
	}
	var text bytes.Buffer // a template that fails must not leave half a page
	if err := pageTemplate.Execute(&text, shown); err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write(text.Bytes())
}

func (s *page) fill(v refresh.View, c Config) {
	s.At = stamp(v.At)
	s.Hash, s.LoadedAt, s.ConfigError, s.StateError = c.Hash[:min(12, len(c.Hash))], stamp(c.LoadedAt), c.LastError, v.StateError
	credentials, sinks := ByUrgency(v), SinksByUrgency(v)
	s.count(credentials, sinks)
	s.MoreCredentials, s.MoreSinks = max(0, len(credentials)-maxRows), max(0, len(sinks)-maxRows)
	for _, c := range credentials[:min(maxRows, len(credentials))] {
		s.Credentials = append(s.Credentials, newCredentialRow(c, v.At))
	}
	for _, k := range sinks[:min(maxRows, len(sinks))] {
		s.Sinks = append(s.Sinks, newSinkRow(k, v.At))
	}
	for _, p := range v.Providers {
		s.Providers = append(s.Providers, providerRow{p.Name, p.Type, p.Running, p.Waiting, seen(p.CooldownUntil, v.At)})
	}
}

// count fills the line of numbers; states that nothing is in are left out.
func (s *page) count(credentials []refresh.CredentialView, sinks []refresh.SinkView) {
	states := map[refresh.State]int{}
	for _, c := range credentials {
		states[c.State]++
	}
	undelivered := 0
	for _, k := range sinks {
		if k.State != refresh.Delivered {
			undelivered++
		}
	}
	for _, state := range [...]refresh.State{refresh.Expired, refresh.Parked, refresh.Pending, refresh.Failing, refresh.Valid} {
		if states[state] > 0 || state == refresh.Valid {
			s.Counts = append(s.Counts, pageCount{states[state], string(state), Class(state)})
		}
	}
	if undelivered > 0 {
		s.Counts = append(s.Counts, pageCount{undelivered, "not delivered", ClassBad})
	}
	s.Title = strconv.Itoa(states[refresh.Valid]) + " of " + strconv.Itoa(len(credentials)) + " valid"
}

func newCredentialRow(c refresh.CredentialView, now time.Time) credentialRow {
	return credentialRow{
		Name: c.Name, Provider: c.Provider, Type: c.Type, State: string(c.State), Class: Class(c.State),
		NextReason: c.NextReason, Generation: c.Generation, Running: c.Running, Life: lifeOf(c, now),
		Expires: seen(c.ExpiresAt, now), Next: seen(c.NextAttemptAt, now),
		Notes: notes(c.LastError, refresh.Obtain, c.Name, now),
	}
}

func newSinkRow(s refresh.SinkView, now time.Time) sinkRow {
	row := sinkRow{
		Name: s.Name, Type: s.Type, Path: s.Path, State: string(s.State), Class: SinkClass(s.State),
		Delivered: seen(s.LastDeliveredAt, now),
		Notes:     append(notes(s.LastError, refresh.Deliver, s.Name, now), notes(s.HookError, refresh.RunHook, s.Name, now)...),
	}
	switch {
	case s.HookRunning:
		row.Hook = "on_change is running"
	case s.HookOwed:
		row.Hook = "on_change is still to run"
	}
	for _, name := range s.Needs {
		row.Holds = append(row.Holds, name+" "+strconv.FormatUint(s.Delivered[name], 10))
	}
	return row
}

func notes(n *schedule.Note, kind refresh.TaskKind, name string, now time.Time) []pageNote {
	if n == nil {
		return nil
	}
	return []pageNote{{
		Reason: string(n.Reason), Message: n.Message, Ago: Relative(n.At, now), Cure: Cure(kind, n.Reason, name), Class: ClassBad,
	}}
}

func lifeOf(c refresh.CredentialView, now time.Time) *life {
	whole := c.ExpiresAt.Sub(c.IssuedAt)
	if c.IssuedAt.IsZero() || c.ExpiresAt.IsZero() || whole <= 0 {
		return nil
	}
	percent := func(at time.Time) int {
		return int(min(100, max(0, 100*at.Sub(c.IssuedAt).Seconds()/whole.Seconds())))
	}
	return &life{Used: percent(now), Next: min(98, percent(c.NextAttemptAt)), HasNext: !c.NextAttemptAt.IsZero()}
}

func seen(at, now time.Time) when { return when{stamp(at), Relative(at, now)} }
