package emulation

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestSwitchesCountWhatIsToCome(t *testing.T) {
	names := slices.Values([]string{"a", "b", "c"})
	var s Switches
	take := func(want ...string) {
		t.Helper()
		for _, w := range want {
			if got := s.Take(names); got != w {
				t.Errorf("Take = %q, want %q", got, w)
			}
		}
	}
	set := func(name string, times int) {
		t.Helper()
		if err := s.Set(name, times, names); err != nil {
			t.Error(err)
		}
	}
	take("")
	set("b", 2)
	set("a", 1)
	take("a", "b", "b", "")
	set("c", -1)
	take("c", "c", "c")
	if s.Left("c") != -1 || s.Left("a") != 0 {
		t.Errorf("Left = %d and %d, want -1 and 0", s.Left("c"), s.Left("a"))
	}
	set("c", 0)
	take("")
	set("a", 1)
	set("b", -1)
	set("", 1)
	take("")
	if s.Set("d", 1, names) == nil {
		t.Error("Set accepted an unknown fault")
	}
}

func TestOfRequest(t *testing.T) {
	for _, c := range []struct{ target, header, name, path string }{
		{"/x", "", "", "/x"},
		{"/emulate/drop/x/y", "", "drop", "/x/y"},
		{"/emulate/drop", "", "drop", "/"},
		{"/x?emulate=cut", "", "cut", "/x"},
		{"/x", "hang", "hang", "/x"},
		{"/emulate/drop/x?emulate=cut", "hang", "cut", "/x"},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		if c.header != "" {
			r.Header.Set("X-Emulate", c.header)
		}
		if name, path := OfRequest(r); name != c.name || path != c.path {
			t.Errorf("%s: got %q and %q, want %q and %q", c.target, name, path, c.name, c.path)
		}
	}
}

func TestAnswersThatTakeTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, leave := context.WithCancel(t.Context())
		r := httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx)
		begun, w := time.Now(), httptest.NewRecorder()
		Drip(w, r, "four", time.Second)
		if took := time.Since(begun); took != 4*time.Second || w.Body.String() != "four" || !Wait(r, 0) {
			t.Errorf("got %q after %s, want four after 4s", w.Body, took)
		}
		time.AfterFunc(2500*time.Millisecond, leave)
		w = httptest.NewRecorder()
		Drip(w, r, "four", time.Second)
		if w.Body.String() != "fou" || Wait(r, time.Hour) {
			t.Errorf("got %q for a caller that disconnected, want fou", w.Body)
		}
		Hang(r)
	})
}

func TestCutBreaksInTheMiddle(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { Cut(w, "begin", 50) }))
	defer server.Close()
	resp, err := http.Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err == nil || string(body) != "begin" {
		t.Errorf("got %q, %v; want begin and an error", body, err)
	}
}

func TestPage(t *testing.T) {
	w := httptest.NewRecorder()
	Page(w, http.StatusBadGateway, "Bad")
	if w.Code != http.StatusBadGateway || w.Header().Get("Content-Type") != "text/html; charset=UTF-8" || w.Body.Len() < 20 {
		t.Errorf("got %d, %v, %q", w.Code, w.Header(), w.Body)
	}
}
