package control

import (
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/engine"
)

func (h handler) pause(w http.ResponseWriter, r *http.Request) {
	var ask pauseRequest
	if !decode(w, r, &ask) {
		return
	}
	names, ok := h.choose(w, ask.Selection)
	if !ok {
		return
	}
	h.audit(r, "pause requested", credentials(names), zap.Duration("for", ask.For))
	until, err := h.backend.Pause(r.Context(), names, ask.For)
	if err != nil {
		refuse(w, problemOf(err))
		return
	}
	answer(w, Paused{Names: names, Until: until})
}

func (h handler) resume(w http.ResponseWriter, r *http.Request) {
	var ask Selection
	if !decode(w, r, &ask) {
		return
	}
	names, ok := h.choose(w, ask)
	if !ok {
		return
	}
	h.audit(r, "resume requested", credentials(names))
	if err := h.backend.Resume(r.Context(), names); err != nil {
		refuse(w, problemOf(err))
		return
	}
	answer(w, Paused{Names: names})
}

// forget deletes the records of removed credentials. It refuses configured ones.
func (h handler) forget(w http.ResponseWriter, r *http.Request) {
	var ask Selection
	if !decode(w, r, &ask) {
		return
	}
	if len(ask.Names) == 0 {
		refuse(w, Problem{Code: CodeBadRequest, Message: "names are missing"})
		return
	}
	if !h.backend.Alive() {
		refuse(w, Problem{Code: CodeSilent, Message: "the daemon does not answer; it is starting, stopping or stuck"})
		return
	}
	var configured []string
	for _, c := range h.backend.Select(engine.Query{Names: ask.Names}).Credentials {
		if slices.Contains(ask.Names, c.Name) {
			configured = append(configured, c.Name)
		}
	}
	if len(configured) > 0 {
		refuse(w, Problem{Code: CodeFailed, Names: configured, Message: "still in the configuration, so nothing was deleted: " + strings.Join(configured, ", ") + " (remove them there first)"})
		return
	}
	h.audit(r, "forget requested", credentials(ask.Names))
	unknown, err := h.backend.Forget(r.Context(), ask.Names)
	switch {
	case err != nil:
		refuse(w, problemOf(err))
	case len(unknown) > 0:
		refuse(w, Problem{Code: CodeUnknown, Names: unknown, Message: "no record is kept of: " + strings.Join(unknown, ", ")})
	default:
		answer(w, Paused{Names: ask.Names})
	}
}
