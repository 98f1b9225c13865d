package emulation

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// SwitchPath is the path a Switchboard serves.
const SwitchPath = "/_emulate"

// Switchboard serves an emulator together with its faults, for rehearsals. GET
// of SwitchPath lists the faults. POST of fault=NAME and times=NUMBER sets one,
// for all calls until cleared if times is missing. POST without a name clears
// all.
func Switchboard(e Emulator) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != SwitchPath {
			e.ServeHTTP(w, r)
			return
		}
		switch r.Method {
		case http.MethodGet:
			type line struct {
				Name string `json:"name"`
				Help string `json:"help"`
			}
			lines := []line{}
			for _, f := range e.Faults() {
				lines = append(lines, line(f))
			}
			w.Header().Set("Content-Type", "application/json")
			out := json.NewEncoder(w)
			out.SetIndent("", "  ")
			_ = out.Encode(lines)
		case http.MethodPost:
			times, err := -1, error(nil)
			if text := r.FormValue("times"); text != "" {
				times, err = strconv.Atoi(text)
			}
			if err == nil {
				err = e.SetFault(r.FormValue("fault"), times)
			}
			if err != nil {
				http.Error(w, "expected fault=NAME and times=NUMBER; GET lists the names", http.StatusBadRequest)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		default:
			http.Error(w, "expected GET or POST", http.StatusMethodNotAllowed)
		}
	})
}
