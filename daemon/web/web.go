// Package web shows the daemon's state over HTTP: metrics, liveness,
// readiness and a page for people.
//
// It answers from non-blocking queries to the engine, changes nothing and contains no
// secret. It is up before the first call to a backend, because that is when operators
// look at it; until the engine runs, it says that the daemon is starting.
package web

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

// Backend provides the data of the pages. Its methods do not block.
type Backend interface {
	// Alive reports whether the engine makes progress, Begun whether it ever did.
	Alive() bool
	Begun() bool
	Select(q engine.Query) engine.View
	Summary() engine.Summary
	Config() view.Config
}

// Options are what New needs.
type Options struct {
	Backend  Backend
	Gatherer prometheus.Gatherer
	Version  string
	// Listening is the configuration of the listener; empty in tests.
	Listening Listening
	// Epoch changes whenever a command has reported something. Shared answers are
	// then made again. Nil means constant.
	Epoch func() uint64
}

// New returns the handler of all paths. It is safe for concurrent use.
func New(opt Options) http.Handler {
	p := &pages{
		backend: opt.Backend, version: opt.Version, webConfig: opt.Listening.WebConfig,
		verdicts: NewShared(), overviews: NewShared(),
	}
	epoch := opt.Epoch
	if epoch == nil {
		epoch = func() uint64 { return 0 }
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", newScrapes(opt.Gatherer, epoch))
	mux.HandleFunc("GET /livez", p.live)
	mux.HandleFunc("GET /readyz", p.ready)
	mux.HandleFunc("GET /readyz/{name...}", p.readyOne)
	mux.HandleFunc("GET /{$}", p.overview)
	return guarded(hostsOf(opt.Listening).guard(http.MaxBytesHandler(mux, MaxBody)))
}

// guarded adds the headers of every answer.
func guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", pagePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// pages answers the requests.
type pages struct {
	backend Backend
	version string
	// webConfig tells whether readers have logged in.
	webConfig string
	// Answers about everything are expensive in large fleets.
	verdicts, overviews *Shared
}

// public reports whether readers have not logged in.
func (p *pages) public() bool { return !hasUsers(p.webConfig) }

// silence tells why there is nothing to show; empty if there is.
func (p *pages) silence() (state, reason string) {
	switch {
	case p.backend.Alive():
		return "", ""
	case p.backend.Begun():
		return "silent", "the engine does not answer"
	}
	return "starting", "the daemon is starting"
}

// live answers whether the engine makes progress.
func (p *pages) live(w http.ResponseWriter, _ *http.Request) {
	if _, reason := p.silence(); reason != "" {
		writeJSON(w, http.StatusServiceUnavailable, map[string]any{"live": false, "reason": reason})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"live": true})
}

// mostReasons limits an answer about a large fleet.
const mostReasons = 1000

// ready answers for the whole configuration.
func (p *pages) ready(w http.ResponseWriter, r *http.Request) {
	p.verdicts.Serve(w, r, "", func(w http.ResponseWriter) {
		if !p.notReadyYet(w) {
			p.answer(w, p.backend.Select(engine.Query{Worst: true, Limit: mostReasons}))
		}
	})
}

// readyOne answers for one credential with its sinks.
func (p *pages) readyOne(w http.ResponseWriter, r *http.Request) {
	if p.notReadyYet(w) {
		return
	}
	name, one := r.PathValue("name"), engine.View{}
	if !strings.ContainsAny(name, "*?") { // a pattern would search all names
		one = p.backend.Select(engine.Query{Names: []string{name}, Worst: true})
	}
	if len(one.Credentials) == 0 {
		writeJSON(w, http.StatusNotFound, map[string]any{"error": "no credential with this name", "credential": name})
		return
	}
	p.answer(w, one)
}

// answer judges the selection, as far as the reader may see it.
func (p *pages) answer(w http.ResponseWriter, v engine.View) {
	verdict := view.Judge(v)
	config := p.backend.Config()
	verdict.Cluster = config.Cluster
	for _, f := range config.Fleets {
		if f.Problem != "" {
			verdict.Fleets = append(verdict.Fleets, f.Name)
		}
	}
	if p.public() {
		verdict = verdict.Public()
	}
	writeReadiness(w, verdict)
}

// notReadyYet answers while there is nothing to show.
func (p *pages) notReadyYet(w http.ResponseWriter) bool {
	state, reason := p.silence()
	if reason != "" {
		writeReadiness(w, view.Readiness{Reasons: []view.Reason{{State: state, Reason: reason}}})
	}
	return reason != ""
}

func writeReadiness(w http.ResponseWriter, r view.Readiness) {
	code := http.StatusOK
	if !r.Ready {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, r)
}

// writeJSON sends one document. It ignores clients that have disconnected.
func writeJSON(w http.ResponseWriter, code int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(document)
}
