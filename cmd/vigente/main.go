// Command vigente is the daemon and its command line. This package handles flags,
// signals, exit codes and output; the logic is in the daemon's packages.
package main

import (
	"context"
	"os"

	"github.com/vigented/vigente/internal/process"
)

func main() {
	early := catchEarly(os.Args[1:]) // first of all
	os.Exit(Main(context.Background(), &Process{
		early: early,
		Args:  os.Args[1:], Getenv: os.Getenv, UID: os.Geteuid(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		open: openDaemon, check: checkConfig, harden: process.Harden,
	}))
}
