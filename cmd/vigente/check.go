package main

import (
	"strconv"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

func (a *app) checkCommand() *cobra.Command {
	var probe bool
	command := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration without running it",
		Long: `Read the configuration as the daemon does, with every file it includes, every
secret and every certificate, and print ok with a summary. Everything that is
wrong is printed at once, one fault a line: FILE:LINE: KEY: what is wrong (what
was expected). Nothing is called and nothing is written; with --probe every
backend is reached as well, without renewing anything.`,
		Example: `  # before a reload
  vigente check && systemctl reload vigente
  # a file that is not in use yet
  vigente check -c new.toml`,
		Args: cobra.NoArgs,
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			cfg, plan, err := a.check(daemon.Options{
				ConfigPath: a.configPath(), Getenv: a.Getenv, UID: a.UID, Logger: zap.NewNop(), LogLevel: zap.NewAtomicLevel(),
				Providers: providers.Catalogue(), Sinks: sinks.Catalogue(),
			})
			if err != nil {
				return err
			}
			a.out.printf("ok\n%s, %s, %s in %s\n",
				count(len(plan.Providers), "provider"), count(len(plan.Credentials), "credential"),
				count(len(plan.Sinks), "sink"), count(len(cfg.Sources), "file"))
			if probe {
				return a.examine(command.Context(), daemon.Probe, false)
			}
			return nil
		}),
	}
	command.Flags().BoolVar(&probe, "probe", false, "reach every backend too, without renewing anything")
	return command
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
