package e2etest

import (
	"os"
	"regexp"
	"strconv"
	"testing"
)

const Gone = "\x00gone"

// Replace replaces a file by renaming, as editors do.
func (w *World) Replace(t *testing.T, name, text string) {
	t.Helper()
	if text == Gone {
		Must(t, os.Remove(w.Path(name)))
		return
	}
	w.Write(name+".new", text)
	Must(t, os.Rename(w.Path(name+".new"), w.Path(name)))
}

// Writes returns how often a sink was written.
func (w *World) Writes(sink string) int {
	_, body := w.Get("/metrics")
	m := regexp.MustCompile(`vigente_sink_writes_total\{result="written",sink="` + sink + `"\} (\d+)`).FindStringSubmatch(body)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}
