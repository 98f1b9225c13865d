package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/internal/duration"
)

func (a *app) waitCommand() *cobra.Command {
	timeout := spanFlag(time.Minute)
	var asJSON bool
	var chosen selection
	command := &cobra.Command{
		Use:   "wait NAME…",
		Short: "Wait until credentials are valid and delivered",
		Long: `Return when every named credential has a valid token and it is delivered to all its
sinks. A valid token counts even while its renewal fails, so that an outage of a
backend does not delay programs that could start.
` + selectionHelp + `

Exit code 5 means a timeout, with what is missing on stderr; 4 means that the
daemon is not reachable.`,
		Example: `  # before a program that needs the token
  vigente wait loja && start-the-program
  # in a unit
  ExecStartPre=/usr/bin/vigente wait loja --timeout 5m`,
		Args:              chosen.needed(nil),
		ValidArgsFunction: a.completeNames,
		RunE: a.begin(func(command *cobra.Command, names []string) error {
			client := a.client()
			ctx, cancel := context.WithTimeoutCause(command.Context(), time.Duration(timeout), errWaitOver)
			defer cancel()
			err := client.Wait(ctx, chosen.of(command, names))
			if err != nil && !errors.Is(err, errWaitOver) {
				return err
			}
			if err == nil && !asJSON {
				return nil
			}
			snapshot, err := client.Select(command.Context(), chosen.query(command, names))
			if err != nil {
				return err
			}
			verdict := view.Judge(snapshot.View)
			verdict.Ready = view.Arrived(snapshot.View)
			if asJSON {
				err := a.document(waited{view.Format, verdict})
				if err != nil || verdict.Ready {
					return err
				}
				return &exitError{code: exitUnmet}
			}
			if verdict.Ready {
				return nil // arrived in the last moment
			}
			return &exitError{exitUnmet, append(reasonLines(verdict), "vigente: not valid and delivered within "+timeout.String())}
		}),
	}
	command.Flags().Var(&timeout, "timeout", "longest `TIME` to wait, such as 90s or 1d")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	chosen.flags(command)
	return command
}

// waited is the document of wait --json: whether everything is delivered, and the
// problems.
type waited struct {
	Format int `json:"format"`
	view.Readiness
}

var errWaitOver = errors.New("timeout")

// spanFlag is a duration flag in the format of the configuration.
type spanFlag time.Duration

// String returns the duration as Go writes it.
func (d *spanFlag) String() string { return time.Duration(*d).String() }

// Type returns the name of the value in help texts.
func (*spanFlag) Type() string { return "duration" }

// Set parses a positive duration.
func (d *spanFlag) Set(text string) error {
	parsed, err := duration.Parse(text)
	if err != nil {
		return err
	}
	if parsed <= 0 {
		return errors.New("expected more than 0")
	}
	*d = spanFlag(parsed)
	return nil
}
