// Package web shows the daemon's state over HTTP: metrics, liveness,
// readiness and a page for people.
//
// It answers from the engine's view, changes nothing and holds no secret. It is
// up before the first call to a backend, because that is when one wants to
// look; until the engine answers it says that the daemon is starting.
package web

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/vigented/vigente/daemon/engine"
)

// viewTimeout bounds how long a request waits for the engine. An engine that is
// silent for longer counts as dead.
const viewTimeout = 5 * time.Second

// Backend is what the pages are made from.
type Backend interface {
	View(ctx context.Context) (engine.View, error)
	ConfigStatus() (hash string, loadedAt time.Time, lastError string)
}

// Options are what New needs.
type Options struct {
	Backend  Backend
	Gatherer prometheus.Gatherer
	Version  string
	// Listening is where and how the handler is served; empty in tests.
	Listening Listening
	// Epoch counts what commands have reported. Answers that several readers
	// share are made anew when it changes. Nil for a constant.
	Epoch func() uint64
}

// New returns the handler of every path. It is safe for concurrent use.
func New(opt Options) http.Handler {
	p := &pages{backend: opt.Backend, version: opt.Version}
	epoch := opt.Epoch
	if epoch == nil {
		epoch = func() uint64 { return 0 }
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", newScrapes(opt.Gatherer, epoch))
	mux.HandleFunc("GET /livez", p.live)
	mux.HandleFunc("GET /readyz", p.ready)
	mux.HandleFunc("GET /readyz/{name}", p.readyOne)
	mux.HandleFunc("GET /{$}", p.overview)
	return guarded(hostsOf(opt.Listening).guard(http.MaxBytesHandler(mux, MaxBody)))
}

// guarded adds what every answer carries.
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
	backend  Backend
	version  string
	answered atomic.Bool // the engine has answered once
}

// view asks the engine within the limit.
func (p *pages) view(r *http.Request) (engine.View, error) {
	ctx, cancel := context.WithTimeout(r.Context(), viewTimeout)
	defer cancel()
	v, err := p.backend.View(ctx)
	if err == nil {
		p.answered.Store(true)
	}
	return v, err
}

// silence says why there is no view.
func (p *pages) silence() (state, reason string) {
	if p.answered.Load() {
		return "silent", "the engine does not answer"
	}
	return "starting", "the daemon is starting"
}

// live answers whether the engine makes progress.
func (p *pages) live(w http.ResponseWriter, r *http.Request) {
	if _, err := p.view(r); err != nil {
		_, reason := p.silence()
		writeJSON(w, http.StatusServiceUnavailable, map[string]any{"live": false, "reason": reason})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"live": true})
}

// ready answers for the whole configuration.
func (p *pages) ready(w http.ResponseWriter, r *http.Request) {
	v, err := p.view(r)
	if err != nil {
		p.notReadyYet(w)
		return
	}
	writeReadiness(w, Judge(v))
}

// readyOne answers for one credential with its sinks.
func (p *pages) readyOne(w http.ResponseWriter, r *http.Request) {
	v, err := p.view(r)
	if err != nil {
		p.notReadyYet(w)
		return
	}
	name := r.PathValue("name")
	one, ok := credentialWithSinks(v, name)
	if !ok {
		writeJSON(w, http.StatusNotFound, map[string]any{"error": "no credential of this name", "credential": name})
		return
	}
	writeReadiness(w, Judge(one))
}

func (p *pages) notReadyYet(w http.ResponseWriter) {
	state, reason := p.silence()
	writeReadiness(w, Readiness{Reasons: []Reason{{State: state, Reason: reason}}})
}

func writeReadiness(w http.ResponseWriter, r Readiness) {
	code := http.StatusOK
	if !r.Ready {
		code = http.StatusServiceUnavailable
	}
	writeJSON(w, code, r)
}

// writeJSON sends one document. A reader that is gone is nobody's fault.
func writeJSON(w http.ResponseWriter, code int, document any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(document)
}
