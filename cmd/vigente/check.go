package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/doctor"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/internal/section"
)

func (a *app) checkCommand() *cobra.Command {
	var probe, asJSON bool
	command := &cobra.Command{
		Use:   "check",
		Short: "Check the configuration without running it",
		Long: `Read the configuration as the daemon does, with all included files, secrets and
certificates, and print ok with a summary. All mistakes are printed at once, one
per line: FILE:LINE: KEY: what is wrong (what was expected). No backend is called
and nothing is written. With --probe, every backend is contacted as well, without
renewing anything. Possible problems, such as an owner that does not exist on this
machine, are warnings on stderr.`,
		Example: `  # before a reload
  vigente check && systemctl reload vigente
  # another file
  vigente check -c new.toml`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			c, err := a.check(a.offline())
			if err == nil && len(c.Missing) > 0 {
				err = &load.ConfigError{Faults: c.Missing}
			}
			if broken, ok := errors.AsType[*load.ConfigError](err); ok && asJSON {
				return a.writeVerdict(verdict{Faults: faultsOf(broken.Faults)}, &exitError{code: exitConfig})
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.writeVerdict(verdict{
					OK: true, Warnings: c.Warnings, Providers: c.Providers, Credentials: c.Credentials,
					Sinks: c.Sinks, Files: c.Sources,
				}, nil)
			}
			for _, line := range c.Warnings {
				a.err.line("warning: " + line)
			}
			a.out.printf("ok\n%s, %s, %s in %s\n",
				count(c.Providers, "provider"), count(c.Credentials, "credential"), count(c.Sinks, "sink"), count(len(c.Sources), "file"))
			if probe {
				return a.examine(command.Context(), doctor.Probe, false)
			}
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	command.Flags().BoolVar(&probe, "probe", false, "contact every backend as well, without renewing anything")
	command.MarkFlagsMutuallyExclusive("json", "probe")
	return command
}

// verdict is the document of check --json.
type verdict struct {
	Format      int      `json:"format"`
	OK          bool     `json:"ok"`
	Faults      []fault  `json:"faults"`
	Warnings    []string `json:"warnings"`
	Providers   int      `json:"providers"`
	Credentials int      `json:"credentials"`
	Sinks       int      `json:"sinks"`
	Files       []string `json:"files"`
}

// fault is one fault of the configuration. Its kind is "wrong", or "missing" if
// the configuration refers to something that is not there.
type fault struct {
	Kind    string `json:"kind"`
	File    string `json:"file"`
	Line    int    `json:"line"`
	Key     string `json:"key"`
	Message string `json:"message"`
}

func faultsOf(list []section.Fault) []fault {
	out := make([]fault, len(list))
	for i, f := range list {
		out[i] = fault{"wrong", f.File, f.Line, f.Key, f.Message}
		if f.Missing() {
			out[i].Kind = "missing"
		}
	}
	return out
}

// checkConfig judges the configuration without opening the state.
func checkConfig(opt daemon.Options) (*load.Checked, error) { return load.Check(opt.Loading(true)) }

// offline returns the options of a command that loads the configuration itself.
func (a *app) offline() daemon.Options {
	return daemon.Options{
		ConfigPath: a.configPath(), Getenv: a.Getenv, UID: a.UID, Logger: zap.NewNop(), LogLevel: zap.NewAtomicLevel(),
		Providers: providerKinds(), Sinks: sinkKinds(),
	}
}

// writeVerdict prints a verdict and returns end, or the error of printing.
func (a *app) writeVerdict(v verdict, end error) error {
	v.Format = 1
	for _, list := range []*[]string{&v.Warnings, &v.Files} {
		if *list == nil {
			*list = []string{}
		}
	}
	if v.Faults == nil {
		v.Faults = []fault{}
	}
	return errors.Join(a.document(v), end)
}

func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
