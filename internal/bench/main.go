// Command bench measures the built binary with growing numbers of credentials,
// each with one file, against its own token server, and prints the tables for
// docs/performance.md. For comparison it also runs a plain program that only
// fetches tokens over TLS and replaces files durably.
//
//	bench BINARY SIZE…
package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "bare" {
		exit(bare(os.Args[2:]))
	}
	if len(os.Args) < 3 {
		exit(fmt.Errorf("usage: bench BINARY SIZE…"))
	}
	var rows []figures
	for _, arg := range os.Args[2:] {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			exit(fmt.Errorf("%q is not a number of credentials", arg))
		}
		f, err := measure(os.Args[1], n)
		if err != nil {
			exit(fmt.Errorf("measure %d credentials: %w", n, err))
		}
		fmt.Fprintf(os.Stderr, "%+v\n", f)
		rows = append(rows, f)
	}
	print(rows)
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// figures holds the measurements at one size.
type figures struct {
	n                            int
	bareWall, bareCPU            float64 // seconds
	coldWall, coldCPU            float64
	peak                         float64 // MiB of anonymous memory
	idle                         float64 // percent of a core
	calls, connections           int64
	restart, restartCPU          float64
	restartCalls                 int64
	reload, scrape, status, page float64
	check                        float64
}

// print prints the figures as a table, with the growth exponent of each.
func print(rows []figures) {
	columns := []struct {
		name, form string
		of         func(figures) float64
	}{
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
	}
	fmt.Print("| |")
	for _, r := range rows {
		fmt.Printf(" %d |", r.n)
	}
	fmt.Print(" exponent |\n|---|")
	for range rows {
		fmt.Print("---|")
	}
	fmt.Println("---|")
	for _, c := range columns {
		fmt.Printf("| %s |", c.name)
		for _, r := range rows {
			fmt.Printf(" "+c.form+" |", c.of(r))
		}
		first, last := rows[0], rows[len(rows)-1]
		if a, b := c.of(first), c.of(last); a > 0 && b > 0 && last.n > first.n {
			fmt.Printf(" %.2f |\n", math.Log(b/a)/math.Log(float64(last.n)/float64(first.n)))
		} else {
			fmt.Println(" |")
		}
	}
}

// shop names a row.
func shop(i int) string { return fmt.Sprintf("s%06d", i) }

// The folders of the two programs; the configuration names ourOut.
const (
	bareOut = "bare"
	ourOut  = "out"
)

func targetOf(dir, out string, i int) string { return filepath.Join(dir, out, shop(i), "token") }
