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
		Long: `Return when what every named credential has is in force and in all its sinks, at
once if it is already. A value in force counts even while its renewal fails, so
that an outage of a backend does not keep back what could start.
` + selectionHelp + `

Exit code 5 means that the time was over, with what is missing on stderr; 4 that
the daemon is not reachable.`,
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
				return nil // just in time
			}
			return &exitError{exitUnmet, append(reasonLines(verdict), "vigente: not valid and delivered within "+timeout.String())}
		}),
	}
	command.Flags().Var(&timeout, "timeout", "longest `TIME` to wait, such as 90s or 1d")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	chosen.flags(command)
	return command
}

// waited is the document of wait --json: whether everything arrived, and what is
// not as it should be.
type waited struct {
	Format int `json:"format"`
	view.Readiness
}

var errWaitOver = errors.New("the time to wait is over")

// spanFlag is a flag with the configuration's durations.
type spanFlag time.Duration

// String returns the duration as Go writes it.
func (d *spanFlag) String() string { return time.Duration(*d).String() }

// Type names the flag's values in help texts.
func (*spanFlag) Type() string { return "duration" }

// Set reads a duration, which must be positive.
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
