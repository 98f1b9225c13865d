package engine

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestPatterns matches patterns against whole names.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"*", "", true},
		{"*", "shops/a", true},
		{"shops/*", "shops/a", true},
		{"shops/*", "shops", false},
		{"a?c", "abc", true},
		{"a?c", "ac", false},
		{"*b", "abab", true},
		{"a*b*c", "aXbYbZc", true},
		{"a*b*c", "aXbYbZ", false},
		{"", "", true},
		{"", "a", false},
		{"a", "ab", false},
		{"a**", "a", true},
	} {
		if got := fits(c.pattern, c.name); got != c.want {
			t.Errorf("pattern %q, name %q: got %v, want %v", c.pattern, c.name, got, c.want)
		}
	}
}

// fleet returns a view with the credentials and sinks of two fleets.
func fleet() View {
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	return View{
		Credentials: []CredentialView{
			{Name: "b", Provider: "p", State: Valid, ExpiresAt: at},
			{Name: "a", Provider: "q", State: Parked, FailingSince: at},
			{Name: "shops/1", Provider: "p", State: Failing, ExpiresAt: at.Add(time.Hour)},
			{Name: "shops/2", Provider: "p", State: Valid, ExpiresAt: at.Add(time.Minute)},
		},
		Sinks: []SinkView{
			{Name: "z", Type: "ini", Needs: []string{"a", "b"}, State: Delivered},
			{Name: "shops/1/till", Type: "ini", Needs: []string{"shops/1"}, State: Failing},
		},
	}
}

// TestQuerySelects by names, patterns and filters; Totals disregard the limit.
func TestQuerySelects(t *testing.T) {
	shops, written := "shops", ""
	for _, c := range []struct {
		what  string
		q     Query
		want  string // credentials; sinks
		valid int    // of the totals
	}{
		{"everything", Query{}, "a b shops/1 shops/2; shops/1/till z", 2},
		{"worst first, cut", Query{Worst: true, Limit: 2}, "a shops/1; shops/1/till z", 2},
		{"a name with its sinks", Query{Names: []string{"a"}}, "a; z", 0},
		{"a sink", Query{Names: []string{"z"}}, "; z", 0},
		{"names unite", Query{Names: []string{"b", "shops/*"}}, "b shops/1 shops/2; shops/1/till z", 2},
		{"a provider", Query{Provider: "q"}, "a; z", 0},
		{"a fleet", Query{Fleet: &shops}, "shops/1 shops/2; shops/1/till", 1},
		{"what is written out", Query{Fleet: &written}, "a b; z", 1},
		{"filters intersect", Query{Names: []string{"shops/*"}, State: Valid}, "shops/2; ", 1},
		{"a filter that fits nothing", Query{Provider: "none"}, "; ", 0},
	} {
		v := c.q.Of(fleet())
		var credentials, sinks []string
		for _, one := range v.Credentials {
			credentials = append(credentials, one.Name)
		}
		for _, one := range v.Sinks {
			sinks = append(sinks, one.Name)
		}
		if got := strings.Join(credentials, " ") + "; " + strings.Join(sinks, " "); got != c.want {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
		}
		if got := v.Totals.Credentials[Valid]; got != c.valid {
			t.Errorf("%s: got %d valid, want %d", c.what, got, c.valid)
		}
	}
	if got := (Query{Names: []string{"x", "a", "y*", "x"}}).Of(fleet()).Unknown; !slices.Equal(got, []string{"x", "y*"}) {
		t.Errorf("got unknown %q, want x and y*", got)
	}
}

// TestSummarize counts by provider, type and fleet.
func TestSummarize(t *testing.T) {
	s := Summarize(fleet())
	if len(s.Credentials) != 3 || len(s.Sinks) != 2 {
		t.Fatalf("got %d and %d sums, want 3 and 2", len(s.Credentials), len(s.Sinks))
	}
	shops := s.Credentials[1]
	if shops.Provider != "p" || shops.Fleet != "shops" || shops.States[Valid] != 1 || shops.States[Failing] != 1 {
		t.Errorf("got %+v, want one valid and one failing of the shops", shops)
	}
	if want := fleet().Credentials[3].ExpiresAt; !shops.EarliestExpiry.Equal(want) {
		t.Errorf("got the earliest expiry %v, want %v", shops.EarliestExpiry, want)
	}
	if s.Credentials[2].OldestFailure.IsZero() || s.Totals.Credentials[Expired] != 0 || s.Totals.Sinks[Delivered] != 1 {
		t.Errorf("got %+v", s)
	}
}

// TestAliveGoesByTheLoop: before the start, while the loop sleeps as planned, when it
// is overdue, and after the end. It has begun from the first iteration on, whoever asks.
func TestAliveGoesByTheLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := New(Options{Observer: &witness{}})
		if e.Alive() || e.Begun() {
			t.Error("alive or begun before it runs")
		}
		r := launch(t, planOf(nil, nil), nil)
		pass(time.Hour)
		if !r.Begun() {
			t.Error("not begun although nobody asked whether it is alive")
		}
		if !r.Alive() {
			t.Error("not alive while it sleeps as planned")
		}
		free := make(chan struct{})
		go func() { _ = r.ask(t.Context(), func() { <-free }) }()
		pass(longestSleep + lateAfter + time.Second)
		if r.Alive() {
			t.Error("alive while the loop is held up")
		}
		close(free)
		pass(time.Second)
		if !r.Alive() {
			t.Error("not alive once the loop goes on")
		}
		r.stop()
		if r.Alive() || !r.Begun() {
			t.Error("after the end: want begun and not alive")
		}
	})
}
