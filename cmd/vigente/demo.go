package main

import (
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/cmd/vigente/demo"
)

func (a *app) demoCommand() *cobra.Command {
	fleet := 0
	command := &cobra.Command{
		Use:   "demo [--fleet N]",
		Short: "Show Vigente at work on this machine, with nothing else installed",
		Long: `Run the real daemon against emulated backends on this machine, with tokens that
live for seconds and sinks in a temporary folder. It prints the address of the
status page, the folder and what to try. Ctrl-C stops it and removes the folder.

--fleet adds a table of that many shops, each with its own token and file. Edit a row
while the demo runs, and see that only this shop changes.`,
		Example: "  vigente demo\n  vigente demo --fleet 1000",
		Args:    exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			if fleet < 0 || fleet > demo.MostShops {
				return &exitError{exitUsage, []string{fmt.Sprintf("vigente: --fleet %d is out of range (expected 0 to %d)", fleet, demo.MostShops)}}
			}
			ctx, stop := endingOnSignals(command.Context(), nil)
			defer stop()
			err := demo.Run(ctx, demo.Options{
				Out: a.Stdout, Live: a.isTerminal(a.Stdout), Width: func() int { return width(a.Stdout) }, Getenv: a.Getenv, UID: a.UID,
				Logger: zap.NewNop(), Version: buildOf().version,
				Providers: providerKinds(), Sinks: sinkKinds(), Fleet: fleet,
			})
			if interrupted(ctx, err) {
				return nil
			}
			return err
		}),
	}
	command.Flags().IntVar(&fleet, "fleet", 0, "add a fleet of `N` shops")
	return command
}
