package main

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestQuantile computes the quantile of what was added between two scrapes.
func TestQuantile(t *testing.T) {
	scrape := func(counts [4]string) string {
		text := "# HELP vigente_scheduler_lag_seconds x\n"
		for i, bound := range []string{"0.01", "0.1", "1", "+Inf"} {
			text += lagSeries + `{le="` + bound + `"} ` + counts[i] + "\n"
		}
		return text
	}
	before := scrape([4]string{"5", "5", "5", "1000"})
	for name, want := range map[string]struct {
		after [4]string
		lag   float64
		quiet bool
	}{
		"all in the first bucket":    {after: [4]string{"105", "105", "105", "1100"}, lag: 9.9},
		"the last tenth is slower":   {after: [4]string{"95", "105", "105", "1100"}, lag: 91},
		"beyond the largest bound":   {after: [4]string{"5", "5", "5", "1100"}, lag: 1000},
		"nothing happened meanwhile": {after: [4]string{"5", "5", "5", "1000"}, quiet: true},
	} {
		got, err := quantile(.99, before, scrape(want.after))
		if err != nil || math.IsNaN(got) != want.quiet || !want.quiet && math.Abs(got-want.lag) > 1e-6 {
			t.Errorf("%s: got %v ms, %v; want %v", name, got, err, want.lag)
		}
	}
	if _, err := quantile(.99, "", ""); err == nil {
		t.Error("got a quantile without the histogram, want an error")
	}
}

// TestWindow spreads renewals over their hour, beginning when the idle time and the
// restart are over.
func TestWindow(t *testing.T) {
	w := &window{n: 1000, margin: time.Hour}
	if life, _ := w.life(nil); life != longLife {
		t.Errorf("got %s for the plain program, want %s", life, longLife)
	}
	w.open()
	first, _ := w.life(nil)
	for range w.n - 2 {
		w.life(nil)
	}
	last, _ := w.life(nil)
	if at := w.at.Load() - w.begun.Load(); at < int64(w.margin) {
		t.Errorf("the first renewal is %s after the start, want at least %s", time.Duration(at), w.margin)
	}
	if spread := first - last; spread < time.Duration(w.n)*perToken/2 {
		t.Errorf("the renewals are spread over %s, want about %s", spread, time.Duration(w.n)*perToken)
	}
	if life, _ := w.life(nil); life != longLife {
		t.Errorf("got %s for the changed row, want %s", life, longLife)
	}
}

// TestRewrite replaces only what is between the markers.
func TestRewrite(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(page, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("before\n" + pageBegin + "old\n" + pageEnd + "after\n")
	if err := rewrite(page, "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(page); err != nil || string(got) != "before\n"+pageBegin+"new\n"+pageEnd+"after\n" {
		t.Errorf("got %q, %v", got, err)
	}
	put("no markers\n")
	if rewrite(page, "new\n") == nil {
		t.Error("a page without markers was rewritten")
	}
}
