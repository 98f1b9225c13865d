package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/view"
)

func (a *app) pauseCommand() *cobra.Command {
	var length spanFlag
	return a.pauseLike(&cobra.Command{
		Use:   "pause NAME…",
		Short: "Make no attempt for credentials until they are resumed",
		Long: `Make no attempt to renew credentials until they are resumed, or for a time. What
they hold stays delivered. A pause is kept over restarts and shown everywhere.
` + selectionHelp,
		Example: `  # while the backend is being moved
  vigente pause --provider vault --for 2h
  # until somebody resumes it
  vigente pause loja`,
	}, &length, func(ctx context.Context, meant control.Selection) (control.Paused, error) {
		return a.client().Pause(ctx, meant, time.Duration(length))
	})
}

func (a *app) resumeCommand() *cobra.Command {
	return a.pauseLike(&cobra.Command{
		Use:     "resume NAME…",
		Short:   "End pauses",
		Long:    "End the pause of credentials: what is due meanwhile is tried at once.\n" + selectionHelp,
		Example: "  vigente resume loja",
	}, nil, func(ctx context.Context, meant control.Selection) (control.Paused, error) {
		return a.client().Resume(ctx, meant)
	})
}

// pauseLike completes one of the two commands.
func (a *app) pauseLike(command *cobra.Command, length *spanFlag, do func(context.Context, control.Selection) (control.Paused, error)) *cobra.Command {
	var asJSON bool
	var chosen selection
	command.Args = chosen.needed(nil)
	command.ValidArgsFunction = a.completeCredentials
	command.RunE = a.begin(func(command *cobra.Command, names []string) error {
		done, err := do(command.Context(), chosen.of(command, names))
		if err != nil {
			return err
		}
		if asJSON {
			return a.document(pausedOf(done, length != nil))
		}
		for _, name := range done.Names {
			switch {
			case length == nil:
				a.out.line(name + ": resumed")
			case done.Until.IsZero():
				a.out.line(name + ": paused until it is resumed (vigente resume " + name + ")")
			default:
				a.out.line(name + ": paused until " + view.Local(done.Until))
			}
		}
		return nil
	})
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	if length != nil {
		command.Flags().Var(length, "for", "`TIME` to pause, such as 2h or 1d (default until it is resumed)")
	}
	chosen.flags(command)
	return command
}

// paused is the document of pause and resume.
type paused struct {
	Format      int          `json:"format"`
	Credentials []pausedName `json:"credentials"`
}

type pausedName struct {
	Name        string       `json:"name"`
	PausedUntil view.Instant `json:"paused_until"`
}

// pausedOf makes the document. A pause without an end lasts until the end of
// the year 9999.
func pausedOf(done control.Paused, pause bool) paused {
	until := view.Instant{Time: done.Until}
	if pause && done.Until.IsZero() {
		until.Time = view.Endless
	}
	out := paused{view.Format, []pausedName{}}
	for _, name := range done.Names {
		out.Credentials = append(out.Credentials, pausedName{name, until})
	}
	return out
}

func (a *app) forgetCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "forget NAME…",
		Short: "Drop what is kept of removed credentials",
		Long: `Drop at once what is kept of credentials that were removed from the
configuration: their values, refresh tokens and minimum intervals, which are kept
for an hour otherwise, in case they come back. A credential that is still in the
configuration is refused. Files keep what they hold.`,
		Example: "  vigente forget old-shop",
		Args:    someOf("NAME"),
		RunE: a.begin(func(command *cobra.Command, names []string) error {
			if err := a.client().Forget(command.Context(), names); err != nil {
				return err
			}
			if asJSON {
				return a.document(struct {
					Format    int      `json:"format"`
					Forgotten []string `json:"forgotten"`
				}{view.Format, names})
			}
			for _, name := range names {
				a.out.line(name + ": forgotten")
			}
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}
