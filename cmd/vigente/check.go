package main

import (
	"errors"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
)

func (a *app) checkCommand() *cobra.Command {
	var probe, asJSON bool
	command := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration without running it",
		Long: `Read the configuration as the daemon does, with every file it includes, every
secret and every certificate, and print ok with a summary. Everything that is
wrong is printed at once, one fault a line: FILE:LINE: KEY: what is wrong (what
was expected). Nothing is called and nothing is written; with --probe every
backend is reached as well, without renewing anything. What is allowed and may
yet go wrong, such as an owner that this machine does not know, is a warning on
stderr.`,
		Example: `  # before a reload
  vigente check && systemctl reload vigente
  # a file that is not in use yet
  vigente check -c new.toml`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			c, err := a.check(daemon.Options{
				ConfigPath: a.configPath(), Getenv: a.Getenv, UID: a.UID, Logger: zap.NewNop(), LogLevel: zap.NewAtomicLevel(),
				Providers: providerKinds(), Sinks: sinkKinds(),
			})
			if broken, ok := errors.AsType[*daemon.ConfigError](err); ok && asJSON {
				return a.writeVerdict(verdict{Faults: strings.Split(broken.Error(), "\n")}, &exitError{code: exitConfig})
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.writeVerdict(verdict{
					OK: true, Warnings: c.Warnings, Providers: len(c.Plan.Providers), Credentials: len(c.Plan.Credentials),
					Sinks: len(c.Plan.Sinks), Files: c.Config.Sources,
				}, nil)
			}
			for _, line := range c.Warnings {
				a.err.line("warning: " + line)
			}
			a.out.printf("ok\n%s, %s, %s in %s\n",
				count(len(c.Plan.Providers), "provider"), count(len(c.Plan.Credentials), "credential"),
				count(len(c.Plan.Sinks), "sink"), count(len(c.Config.Sources), "file"))
			if probe {
				return a.examine(command.Context(), daemon.Probe, false)
			}
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	command.Flags().BoolVar(&probe, "probe", false, "reach every backend too, without renewing anything")
	command.MarkFlagsMutuallyExclusive("json", "probe")
	return command
}

// verdict is what check tells programs.
type verdict struct {
	OK          bool     `json:"ok"`
	Faults      []string `json:"faults"`
	Warnings    []string `json:"warnings"`
	Providers   int      `json:"providers"`
	Credentials int      `json:"credentials"`
	Sinks       int      `json:"sinks"`
	Files       []string `json:"files"`
}

// writeVerdict prints a verdict and returns the end it comes with.
func (a *app) writeVerdict(v verdict, end error) error {
	for _, list := range []*[]string{&v.Faults, &v.Warnings, &v.Files} {
		if *list == nil {
			*list = []string{}
		}
	}
	return errors.Join(a.document(v), end)
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
