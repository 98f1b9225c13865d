// Command bench measures the built binary with growing numbers of credentials,
// each with one file, against its own token server, and prints the table of
// docs/performance.md. For comparison it also runs a plain program that only
// fetches tokens over TLS and replaces files durably. With -o it also writes the
// table, and what it was measured with, to that file.
//
//	bench [-o PAGE] BINARY SIZE…
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "bare" {
		exit(bare(os.Args[2:]))
	}
	page := flag.String("o", "", "write the table to this page")
	flag.Parse()
	exit(run(*page, flag.Args()))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func run(page string, args []string) (err error) {
	if len(args) < 2 {
		return errors.New("usage: bench [-o PAGE] BINARY SIZE…")
	}
	binary, err := filepath.Abs(args[0]) // the daemon runs in another folder
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "vigente-bench-")
	if err != nil {
		return err
	}
	// Removed at the end only: see measure.
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	load := loads()
	var rows []figures
	for _, arg := range args[1:] {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			return fmt.Errorf("%q is not a number of credentials", arg)
		}
		f, err := measure(binary, dir, n)
		if err != nil {
			return fmt.Errorf("measure %d credentials: %w", n, err)
		}
		fmt.Fprintf(os.Stderr, "%+v\n", f)
		rows = append(rows, f)
	}
	text := conditions(load, loads()) + "\n" + table(rows)
	fmt.Print(text)
	if page == "" {
		return nil
	}
	return rewrite(page, text)
}

// figures holds the measurements at one size.
type figures struct {
	size                         int
	bareWall, bareCPU            float64 // seconds
	coldWall, coldCPU            float64
	peak                         float64 // MiB of anonymous memory
	idle                         float64 // percent of a core
	calls, connections           int64
	restart, restartCPU          float64
	restartCalls                 int64
	reload, scrape, status, page float64
	check                        float64
	renewed                      int64
	lag                          float64 // milliseconds
	outage
}

// shop names a row.
func shop(i int) string { return fmt.Sprintf("s%06d", i) }

// The folders of the two programs; the configuration names ourOut.
const (
	bareOut = "bare"
	ourOut  = "out"
)

func targetOf(dir, out string, i int) string { return filepath.Join(dir, out, shop(i), "token") }
