package emulation

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestFaults(t *testing.T) {
	faults := Faults[http.ResponseWriter]{
		{"broken", "500", func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }},
		{"odd", "an odd answer", nil},
	}
	if got, want := faults.Switches(), []FaultSwitch{{Name: "broken", Help: "500"}, {Name: "odd", Help: "an odd answer"}}; !slices.Equal(got, want) {
		t.Errorf("switches: got %v, want %v", got, want)
	}
	if got := slices.Collect(faults.Names); !slices.Equal(got, []string{"broken", "odd"}) {
		t.Errorf("names: got %v, want broken and odd", got)
	}
	for name, want := range map[string]struct {
		answered bool
		status   int
	}{
		"": {false, 200}, "odd": {false, 200}, "broken": {true, 500}, "unknown": {true, 400},
	} {
		w := httptest.NewRecorder()
		if got := faults.Answer(w, name, w); got != want.answered {
			t.Errorf("%q: answered: got %v, want %v", name, got, want.answered)
		}
		if w.Code != want.status {
			t.Errorf("%q: status: got %d, want %d", name, w.Code, want.status)
		}
	}
}

func TestBody(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader("text"))
	if got := Body(r); string(got) != "text" {
		t.Errorf("got %q, want text", got)
	}
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // The value of a panic.
			t.Errorf("got %v, want the connection aborted", got)
		}
	}()
	Body(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", iotest.ErrReader(errors.New("gone"))))
}
