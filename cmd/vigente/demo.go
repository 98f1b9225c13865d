package main

import (
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/cmd/vigente/demo"
)

func (a *app) demoCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "demo",
		Short: "Show everything on this machine with nothing else installed",
		Long: `Run the real daemon against emulated backends on this machine, with tokens that
live for seconds and sinks in a temporary folder. It prints the address of the
status page, the folder and what to try. Ctrl-C ends it and removes the folder.`,
		Example: "  vigente demo",
		Args:    exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			ctx, stop := endingOnSignals(command.Context(), nil)
			defer stop()
			err := demo.Run(ctx, demo.Options{
				Out: a.Stdout, Live: a.isTerminal(a.Stdout), Width: func() int { return width(a.Stdout) }, Getenv: a.Getenv, UID: a.UID,
				Logger: zap.NewNop(), Version: buildOf().version,
				Providers: providerKinds(), Sinks: sinkKinds(),
			})
			if interrupted(ctx, err) {
				return nil
			}
			return err
		}),
	}
}
