package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
)

const rootHelp = `Vigente keeps tokens valid in the places where programs read them. It asks
backends for them in good time, saves them durably and writes them into files
that are replaced as a whole or edited byte by byte.

Exit codes: 0 done, 1 failed, 2 usage or an unknown name, 3 the configuration is
invalid, 4 the daemon is not reachable, 5 a condition is not met.`

// root returns the command tree, one file a command.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "vigente",
		Short:         "Keep credentials valid where they are used",
		Long:          rootHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(*cobra.Command, []string) error { return errors.New("a command is missing") },
	}
	root.PersistentFlags().StringVarP(&a.configFile, "config", "c", "",
		"configuration `FILE` (default $VIGENTE_CONFIG, else "+defaultConfig+")")
	root.InitDefaultHelpFlag() // else --help before another flag swallows it
	root.AddCommand(
		a.initCommand(), a.runCommand(), a.checkCommand(), a.statusCommand(), a.renewCommand(), a.planCommand(), a.reloadCommand(), a.showCommand(),
		a.waitCommand(), a.explainCommand(), a.signCommand(), a.simulateCommand(), a.doctorCommand(), a.emulateCommand(), a.demoCommand(),
		a.versionCommand(), a.manCommand(),
	)
	return root
}

// begin marks the end of what counts as usage: from here on the command works.
func (a *app) begin(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		a.started = true
		return run(command, args)
	}
}

// client returns a client of the running daemon. The configuration is read for
// the place of the socket only: it may be broken, or closed to this user.
func (a *app) client() *control.Client {
	opt := config.Options{Getenv: a.Getenv, UID: a.UID, ReadFile: leaveUnread}
	cfg, _ := config.Load(a.configPath(), opt)
	return control.NewClient(config.ClientSocket(cfg, opt))
}

// leaveUnread stands in for reading secrets, which a client has no use for.
func leaveUnread(string) ([]byte, error) { return nil, errors.New("not read") }

// completeNames offers the running daemon's credentials.
func (a *app) completeNames(command *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
	snapshot, err := a.client().View(command.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	used := map[string]bool{}
	for _, name := range given {
		used[name] = true
	}
	var names []string
	for _, c := range snapshot.View.Credentials {
		if !used[c.Name] {
			names = append(names, c.Name+"\t"+string(c.State))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeOneName offers names for the first argument only.
func (a *app) completeOneName(command *cobra.Command, given []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.completeNames(command, given, typed)
}
