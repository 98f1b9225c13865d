package emulation_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/vigented/vigente/providers/emulation"
)

// toy is an emulator with one fault.
type toy struct {
	name  string
	times int
}

func (*toy) ServeHTTP(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
func (*toy) Faults() []emulation.FaultSwitch {
	return []emulation.FaultSwitch{{Name: "a-fault", Help: "help"}}
}

func (e *toy) SetFault(name string, times int) error {
	if name != "" && name != "a-fault" {
		return errors.New("unknown")
	}
	e.name, e.times = name, times
	return nil
}

func TestSwitchboard(t *testing.T) {
	for _, c := range []struct {
		method, target string
		status         int
		name           string
		times          int
		body           string
	}{
		{"GET", "/rest/RestNewToken", http.StatusTeapot, "-", 0, ""},
		{"GET", "/_emulate", http.StatusOK, "-", 0, `"name": "a-fault"`},
		{"POST", "/_emulate?fault=a-fault&times=3", http.StatusNoContent, "a-fault", 3, ""},
		{"POST", "/_emulate?fault=a-fault", http.StatusNoContent, "a-fault", -1, ""},
		{"POST", "/_emulate", http.StatusNoContent, "", -1, ""},
		{"POST", "/_emulate?fault=another", http.StatusBadRequest, "-", 0, "GET lists the names"},
		{"POST", "/_emulate?fault=a-fault&times=x", http.StatusBadRequest, "-", 0, "GET lists the names"},
		{"PUT", "/_emulate", http.StatusMethodNotAllowed, "-", 0, ""},
	} {
		e := &toy{name: "-"}
		w := httptest.NewRecorder()
		emulation.Switchboard(e).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), c.method, c.target, nil))
		if w.Code != c.status || e.name != c.name || e.times != c.times || !strings.Contains(w.Body.String(), c.body) {
			t.Errorf("%s %s: got %d %q, fault %q, times %d", c.method, c.target, w.Code, w.Body, e.name, e.times)
		}
	}
}
