package view

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view/viewtest"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var at = viewtest.At

func TestReportIsTheDocumentedDocument(t *testing.T) {
	broken := Config{Hash: "0123456789abcdef0123456789abcdef", LoadedAt: at.Add(-24 * time.Hour)}
	broken.LastError = "config.toml:3: daemon.listen: no address"
	v := engine.Query{Worst: true}.Of(viewtest.Mixed())
	text, err := json.MarshalIndent(NewReport(v, broken), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const path = "testdata/report.json"
	text = append(text, '\n')
	if *update {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, want) {
		t.Errorf("%s differs; run with -update and look at the difference\ngot:\n%s", path, text)
	}
}

func TestReportOfNothingHasLists(t *testing.T) {
	text, err := json.Marshal(NewReport(engine.Query{}.Of(engine.View{}), Config{}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"format":1,"config":{"hash":"","loaded_at":null,"last_error":""},"state":{"saved":true,"last_error":""},"listener":{"last_error":""},` +
		`"credentials":[],"sinks":[],"providers":[],"fleets":[],"limits":[],"warnings":[],` +
		`"totals":{"credentials":{"expired":0,"failing":0,"handover":0,"overdue":0,"parked":0,"pending":0,"valid":0},` +
		`"sinks":{"behind":0,"delivered":0,"failing":0,"pending":0}}}`
	if string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
}

func TestDistanceAndRelative(t *testing.T) {
	tests := []struct {
		d              time.Duration
		distance, seen string
	}{
		{0, "0 s", "now"},
		{999 * time.Millisecond, "0 s", "now"},
		{-999 * time.Millisecond, "0 s", "now"},
		{time.Second, "1 s", "in 1 s"},
		{-59 * time.Second, "59 s", "59 s ago"},
		{61 * time.Second, "1 min 1 s", "in 1 min 1 s"},
		{2 * time.Hour, "2 h", "in 2 h"},
		{2*time.Hour + 59*time.Second, "2 h", "in 2 h"},
		{-(3*time.Hour + 5*time.Minute), "3 h 5 min", "3 h 5 min ago"},
		{50 * time.Hour, "2 d 2 h", "in 2 d 2 h"},
	}
	for _, tt := range tests {
		if got := Distance(tt.d); got != tt.distance {
			t.Errorf("Distance(%v) is %q, want %q", tt.d, got, tt.distance)
		}
		if got := Relative(at.Add(tt.d), at); got != tt.seen {
			t.Errorf("Relative(%v) is %q, want %q", tt.d, got, tt.seen)
		}
	}
	if got := Relative(time.Time{}, at); got != "" {
		t.Errorf("got %q for an unknown time, want nothing", got)
	}
}
