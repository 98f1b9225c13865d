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
		Short: "Pause the renewal of credentials",
		Long: `Pause the renewal of credentials until they are resumed, or for some time. Their
tokens stay delivered. A pause survives restarts and is shown everywhere.
` + selectionHelp,
		Example: `  # during maintenance of the backend
  vigente pause --provider vault --for 2h
  # until it is resumed
  vigente pause loja`,
	}, &length, func(ctx context.Context, meant control.Selection) (control.Paused, error) {
		return a.client().Pause(ctx, meant, time.Duration(length))
	})
}

func (a *app) resumeCommand() *cobra.Command {
	return a.pauseLike(&cobra.Command{
		Use:     "resume NAME…",
		Short:   "End pauses",
		Long:    "End the pause of credentials. Renewals that are due are attempted at once.\n" + selectionHelp,
		Example: "  vigente resume loja",
	}, nil, func(ctx context.Context, meant control.Selection) (control.Paused, error) {
		return a.client().Resume(ctx, meant)
	})
}

// pauseLike completes either of the two commands.
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

// pausedOf returns the document. A pause without an end lasts until the end of the
// year 9999.
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
		Short: "Delete the records of removed credentials",
		Long: `Delete the records of credentials that were removed from the configuration: their
values, refresh tokens and minimum intervals. Otherwise the daemon keeps them for
an hour, in case the credentials come back. A credential that is still in the
configuration is refused. Files keep their content.`,
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
