package e2etest

import (
	"regexp"
	"strconv"
)

// Good reports whether everything is valid and delivered.
func (w *World) Good() bool {
	for _, state := range w.Status().States() {
		if state != "valid" && state != "delivered" {
			return false
		}
	}
	return true
}

// Count returns the value of a metric.
func (w *World) Count(series string) int {
	_, body := w.Get("/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(series) + ` (\S+)$`).FindStringSubmatch(body)
	if m == nil {
		return -1
	}
	n, _ := strconv.ParseFloat(m[1], 64)
	return int(n)
}
