// Command vigente keeps credentials valid where they are used. It is the daemon
// and the commands that talk to it: flags, signals, exit codes and output for
// people live here, decisions do not.
package main

import (
	"context"
	"os"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/internal/process"
)

func main() {
	early := catchEarly(os.Args[1:]) // first of all
	os.Exit(Main(context.Background(), &Process{
		early: early,
		Args:  os.Args[1:], Getenv: os.Getenv, UID: os.Geteuid(),
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		open: openDaemon, check: daemon.Check, harden: process.Harden,
	}))
}
