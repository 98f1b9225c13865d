package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/view"
)

// The exit codes.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitConfig      = 3
	exitUnreachable = 4
	exitUnmet       = 5
)

// exitError ends the program with a code. Its lines, if any, go to stderr.
type exitError struct {
	code  int
	lines []string
}

// Error returns the lines.
func (e *exitError) Error() string { return strings.Join(e.lines, "\n") }

// report writes the error to stderr and returns the exit code. With --json, it
// prints a document as well.
func (a *app) report(command *cobra.Command, err error) int {
	if err == nil {
		return exitDone
	}
	before := a.err.written.Len()
	code := a.tell(command, err)
	if !a.documented && a.out.failed == nil && slices.Contains(a.Args, "--json") {
		_ = a.document(failureOf(code, strings.TrimSpace(a.err.written.String()[before:]), err))
	}
	return code
}

// failure is the document of a command that failed before it had a document of
// its own.
type failure struct {
	Format   int      `json:"format"`
	OK       bool     `json:"ok"`
	ExitCode int      `json:"exit_code"`
	Error    string   `json:"error"`
	Unknown  []string `json:"unknown,omitempty"`
	Faults   []fault  `json:"faults,omitempty"` // of the configuration
}

func failureOf(code int, said string, err error) failure {
	f := failure{Format: view.Format, ExitCode: code, Error: strings.TrimPrefix(said, "vigente: ")}
	if problem, ok := errors.AsType[*control.Problem](err); ok && problem.Code == control.CodeUnknown {
		f.Unknown = problem.Names
	}
	if broken, ok := errors.AsType[*load.ConfigError](err); ok {
		f.Faults = faultsOf(broken.Faults)
	}
	return f
}

// tell writes the error to stderr and returns the exit code.
func (a *app) tell(command *cobra.Command, err error) int {
	if exit, ok := errors.AsType[*exitError](err); ok {
		for _, line := range exit.lines {
			a.err.line(line)
		}
		return exit.code
	}
	if broken, ok := errors.AsType[*load.ConfigError](err); ok {
		a.err.line(broken.Error()) // one fault per line, with file and line
		return exitConfig
	}
	if !a.started {
		a.err.printf("vigente: %s; see %s --help\n", oneLine(err), command.CommandPath())
		return exitUsage
	}
	a.err.printf("vigente: %v\n", err)
	if _, ok := errors.AsType[*control.UnreachableError](err); ok {
		if a.unread != "" {
			a.err.printf("vigente: used the default socket, because the configuration could not be read: %s\n", a.unread)
		}
		return exitUnreachable
	}
	if problem, ok := errors.AsType[*control.Problem](err); ok {
		return exitOf(problem.Code)
	}
	return exitFailed
}

// exitOf returns the exit code of a refused request.
func exitOf(code control.Code) int {
	switch code {
	case control.CodeUnknown, control.CodeMisuse:
		return exitUsage
	case control.CodeSilent:
		return exitUnreachable
	case control.CodeRejected:
		return exitConfig
	case control.CodeDenied, control.CodeFailed, control.CodeBadRequest:
	}
	return exitFailed
}

// interrupted reports whether err is the result of a requested stop.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
}
