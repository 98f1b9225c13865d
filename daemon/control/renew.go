package control

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/vigented/vigente/daemon/engine"
)

// renew streams one line an end, so that a command can show how far it is.
func (h handler) renew(w http.ResponseWriter, r *http.Request) {
	var ask renewRequest
	if !decode(w, r, &ask) {
		return
	}
	if ask.All == (len(ask.Names) > 0) {
		refuse(w, Problem{Code: CodeBadRequest, Message: "either names or all are renewed"})
		return
	}
	v, ok := h.look(w, r, ask.Names)
	if !ok {
		return
	}
	names := ask.Names
	if ask.All {
		for _, c := range v.Credentials {
			names = append(names, c.Name)
		}
	}
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if sinks := notCredentials(v, names); len(sinks) > 0 {
		refuse(w, unknownNames(sinks))
		return
	}
	lines := stream{json.NewEncoder(w), http.NewResponseController(w)}
	w.Header().Set("Content-Type", "application/jsonl")
	total := len(names)
	lines.send(renewLine{Total: &total})
	err := h.backend.Renew(r.Context(), names, func(end engine.RenewResult) { lines.send(renewLine{End: &end}) })
	if err != nil {
		lines.send(renewLine{Problem: &Problem{Code: CodeSilent, Message: "the daemon stopped before every renewal had ended"}})
		return
	}
	lines.send(renewLine{Over: true})
}

// notCredentials returns the names that are those of sinks only.
func notCredentials(v engine.View, names []string) []string {
	known := map[string]bool{}
	for _, c := range v.Credentials {
		known[c.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return known[name] })
}

// stream sends lines as they come.
type stream struct {
	encoder *json.Encoder
	control *http.ResponseController
}

// send ignores a client that is gone: its context ends the work.
func (s stream) send(line renewLine) {
	_ = s.encoder.Encode(line)
	_ = s.control.Flush()
}
