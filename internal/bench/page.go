package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"
)

// The markers in the page between which the benchmark writes.
const (
	pageBegin = "<!-- written by make bench-fleet -->\n"
	pageEnd   = "<!-- end -->\n"
)

// rewrite replaces what is between the markers of a page.
func rewrite(page, text string) error {
	was, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	head, rest, found := strings.Cut(string(was), pageBegin)
	_, tail, ended := strings.Cut(rest, pageEnd)
	if !found || !ended {
		return fmt.Errorf("%s: the lines %q and %q are missing", page, strings.TrimSpace(pageBegin), strings.TrimSpace(pageEnd))
	}
	return os.WriteFile(page, []byte(head+pageBegin+text+pageEnd+tail), 0o644) //nolint:gosec // a page of the documentation
}

// loads returns the machine's load average over a minute.
func loads() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// conditions says what was measured on, so that figures are compared with figures of
// the same machine only.
func conditions(before, after string) string {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		kernel = []byte("of an unknown version")
	}
	return fmt.Sprintf("%s, %d processors, load average %s before and %s after, Linux %s, %s, tokens of 34 bytes.\n",
		time.Now().UTC().Format(time.DateOnly), runtime.NumCPU(), before, after, strings.TrimSpace(string(kernel)), runtime.Version())
}

// column is one figure of the table.
type column struct {
	name, form string
	of         func(figures) float64
}

var columns = []column{
	{"bare program, wall s", "%.2f", func(f figures) float64 { return f.bareWall }},
	{"bare program, CPU s", "%.2f", func(f figures) float64 { return f.bareCPU }},
	{"from cold to all delivered, wall s", "%.2f", func(f figures) float64 { return f.coldWall }},
	{"from cold to all delivered, CPU s", "%.2f", func(f figures) float64 { return f.coldCPU }},
	{"connections opened", "%.0f", func(f figures) float64 { return float64(f.connections) }},
	{"peak anonymous memory, MiB", "%.0f", func(f figures) float64 { return f.peak }},
	{"idle, % of a core", "%.2f", func(f figures) float64 { return f.idle }},
	{"restart to READY, wall s", "%.2f", func(f figures) float64 { return f.restart }},
	{"restart to READY, CPU s", "%.2f", func(f figures) float64 { return f.restartCPU }},
	{"calls of the restart", "%.0f", func(f figures) float64 { return float64(f.restartCalls) }},
	{"reload of one changed row, s", "%.2f", func(f figures) float64 { return f.reload }},
	{"scrape, s", "%.3f", func(f figures) float64 { return f.scrape }},
	{"`status` of one name, s", "%.3f", func(f figures) float64 { return f.status }},
	{"page, s", "%.3f", func(f figures) float64 { return f.page }},
	{"`check`, s", "%.2f", func(f figures) float64 { return f.check }},
	{"renewals while the scheduler lag is measured", "%.0f", func(f figures) float64 { return float64(f.renewed) }},
	{"scheduler lag, 99th percentile, ms", "%.0f", func(f figures) float64 { return f.lag }},
	{"outage: tokens to be renewed", "%.0f", func(f figures) float64 { return f.met }},
	{"outage: failed calls", "%.0f", func(f figures) float64 { return f.attempts }},
	{"outage: tokens that expired", "%.0f", func(f figures) float64 { return f.expired }},
	{"outage: of them, because of `min_interval`", "%.0f", func(f figures) float64 { return f.forced }},
	{"outage: all renewed after its end, s", "%.1f", func(f figures) float64 { return f.latest }},
}

// table returns the figures as a table, with the growth exponent of each.
func table(rows []figures) string {
	var out strings.Builder
	out.WriteString("| |")
	for _, r := range rows {
		fmt.Fprintf(&out, " %d |", r.size)
	}
	out.WriteString(" exponent |\n|---|")
	for range rows {
		out.WriteString("---|")
	}
	out.WriteString("---|\n")
	for _, c := range columns {
		fmt.Fprintf(&out, "| %s |", c.name)
		for _, r := range rows {
			if v := c.of(r); math.IsNaN(v) {
				out.WriteString(" – |")
			} else {
				fmt.Fprintf(&out, " "+c.form+" |", v)
			}
		}
		first, last := rows[0], rows[len(rows)-1]
		if a, b := c.of(first), c.of(last); a > 0 && b > 0 && last.size > first.size {
			fmt.Fprintf(&out, " %.2f |\n", math.Log(b/a)/math.Log(float64(last.size)/float64(first.size)))
		} else {
			out.WriteString(" |\n")
		}
	}
	return out.String()
}
