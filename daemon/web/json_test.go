package web

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
)

func TestReportIsTheDocumentedDocument(t *testing.T) {
	broken := config
	broken.LastError = "config.toml:3: daemon.listen: no address"
	text, err := json.MarshalIndent(NewReport(fleet(), broken), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "report.json", append(text, '\n'))
}

func TestReportOfNothingHasListsAndNoNull(t *testing.T) {
	text, err := json.Marshal(NewReport(engine.View{}, Config{}))
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"format":1,"config":{"hash":"","loaded_at":"","last_error":""},"state":{"saved":true,"last_error":""},"credentials":[],"sinks":[]}`
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
		t.Errorf("an unknown instant is shown as %q", got)
	}
}
