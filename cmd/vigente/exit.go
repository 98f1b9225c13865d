package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/control"
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

// report writes what went wrong to stderr and returns the exit code.
func (a *app) report(command *cobra.Command, err error) int {
	if err == nil {
		return exitDone
	}
	if exit, ok := errors.AsType[*exitError](err); ok {
		for _, line := range exit.lines {
			a.err.line(line)
		}
		return exit.code
	}
	if broken, ok := errors.AsType[*daemon.ConfigError](err); ok {
		a.err.line(broken.Error()) // one fault a line, each with its place
		return exitConfig
	}
	if !a.started {
		a.err.printf("vigente: %s; see %s --help\n", oneLine(err), command.CommandPath())
		return exitUsage
	}
	a.err.printf("vigente: %v\n", err)
	if _, ok := errors.AsType[*control.UnreachableError](err); ok {
		if a.unread != "" {
			a.err.printf("vigente: that is where it listens unless the configuration says otherwise, which could not be read: %s\n", a.unread)
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
	case control.CodeDenied, control.CodeFailed, control.CodeBadRequest:
	}
	return exitFailed
}

// oneLine returns the first line of an error, since some add suggestions.
func oneLine(err error) string {
	first, _, _ := strings.Cut(strings.TrimSpace(err.Error()), "\n")
	return first
}

// interrupted reports whether err is the end that somebody asked for.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
}
