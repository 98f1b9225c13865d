package main

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/status"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Prove that everything configured can work, without renewing anything",
		Long: `Prove, as the present user and in the present sandbox, that the state and every
sink can be written, renamed and owned, that every hook is there, and that every
backend is reached: its name, its TLS and its clock. Nothing is renewed and no
sink is changed. Exits 1 when anything would fail, each with its cure.`,
		Example: `  # as the daemon's user, in the sandbox of its unit
  systemd-run --pipe --wait -p User=vigente -p ProtectSystem=strict vigente doctor
  # as whoever asks
  vigente doctor`,
		Args: cobra.NoArgs,
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			return a.examine(command.Context(), daemon.Examine, asJSON)
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return command
}

// examine prints what an examination found.
func (a *app) examine(ctx context.Context, examine func(context.Context, daemon.Options) ([]daemon.Finding, error), asJSON bool) error {
	findings, err := examine(ctx, daemon.Options{
		ConfigPath: a.configPath(), Getenv: a.Getenv, UID: a.UID, Logger: zap.NewNop(), LogLevel: zap.NewAtomicLevel(),
		Providers: providers.Catalogue(), Sinks: sinks.Catalogue(),
	})
	if err != nil {
		return err
	}
	p := paint{a.colours(a.Stdout)}
	if asJSON {
		text, err := json.MarshalIndent(findings, "", "  ")
		if err != nil {
			return err
		}
		a.out.printf("%s\n", text)
	}
	for _, f := range findings {
		switch {
		case asJSON:
		case f.OK:
			a.out.printf("%s    %s: %s\n", p.class(status.ClassGood, "ok"), f.Check, f.Detail)
		default:
			a.out.printf("%s  %s: %s\n", p.class(status.ClassBad, "FAIL"), f.Check, f.Detail)
		}
	}
	if healthy, names := daemon.Healthy(findings); !healthy {
		return &exitError{exitFailed, []string{"vigente: would fail: " + names}}
	}
	return nil
}
