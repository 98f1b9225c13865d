package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
)

const rootHelp = `Vigente keeps tokens valid where programs read them. It renews them ahead of
expiry, saves them durably, and writes them to files that are replaced as a whole
or edited byte by byte.

Exit codes: 0 done, 1 failed, 2 usage or an unknown name, 3 the configuration is
invalid, 4 the daemon is not reachable, 5 a condition is not met.`

// root returns the command tree. Each command has a file of its own.
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
	root.Version = buildOf().version
	root.SetVersionTemplate(buildOf().String() + "\n")
	root.SuggestionsMinimumDistance = 3
	root.SetFlagErrorFunc(suggestFlag)
	root.InitDefaultHelpFlag() // otherwise another flag would take --help as its value
	root.InitDefaultVersionFlag()
	root.AddCommand(
		a.initCommand(), a.runCommand(), a.checkCommand(), a.statusCommand(), a.renewCommand(), a.planCommand(), a.reloadCommand(), a.pauseCommand(), a.resumeCommand(), a.forgetCommand(), a.showCommand(),
		a.waitCommand(), a.explainCommand(), a.signCommand(), a.simulateCommand(), a.doctorCommand(), a.emulateCommand(), a.demoCommand(),
		a.presetsCommand(), a.sealCommand(), a.clusterCommand(), a.loginCommand(), a.versionCommand(), a.manCommand(),
	)
	return root
}

// refuseOthers makes "completion tcsh" and "help nonsense" fail. The library prints
// its help and exits with 0, which a packaging script would take for a completion.
// The root must know its outputs already.
func refuseOthers(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	root.InitDefaultHelpCmd()
	for _, command := range root.Commands() {
		if command.Name() == "help" {
			command.Args = func(_ *cobra.Command, args []string) error {
				_, _, err := root.Find(args)
				return err
			}
		}
		if command.Name() != "completion" {
			continue
		}
		var shells []string
		for _, shell := range command.Commands() {
			shells = append(shells, shell.Name())
		}
		command.Args = someOf("SHELL", shells...)
		command.RunE = func(command *cobra.Command, _ []string) error { return command.Help() }
	}
}

// begin marks the end of argument checks: later errors are not usage errors.
func (a *app) begin(run func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		a.started = true
		return run(command, args)
	}
}

// client returns a client of the running daemon. It reads only the socket's path
// from the configuration, which may be invalid or unreadable for this user.
func (a *app) client() *control.Client {
	opt := config.Options{Getenv: a.Getenv, UID: a.UID, ReadFile: leaveUnread, SocketOnly: true}
	cfg, faults := config.Load(a.configPath(), opt)
	for _, f := range faults {
		if f.Key == "file" && !cfg.Daemon.SocketChosen { // the whole file is unreadable, and may contain the key
			a.unread = f.Error()
			break
		}
	}
	return control.NewClient(config.ClientSocket(cfg, opt))
}

// leaveUnread replaces the reading of secrets, which a client does not need.
func leaveUnread(string) ([]byte, error) { return nil, errors.New("not read") }

// name is a completion with its description.
type name struct{ text, note string }

// names returns the credentials and, if wanted, the sinks: from the running daemon,
// or else from the configuration.
func (a *app) names(command *cobra.Command, begun string, sinks bool) []name {
	ctx, cancel := context.WithTimeout(command.Context(), completionTime)
	defer cancel()
	var list []name
	snapshot, err := a.client().Select(ctx, engine.Query{Names: pattern(begun), Limit: mostOffered})
	if err == nil {
		for _, c := range snapshot.View.Credentials {
			list = append(list, name{c.Name, string(c.State)})
		}
		for _, s := range snapshot.View.Sinks {
			if sinks {
				list = append(list, name{s.Name, "sink, " + string(s.State)})
			}
		}
		return list
	}
	cfg, _ := config.Load(a.configPath(), config.Options{Getenv: a.Getenv, UID: a.UID, ReadFile: leaveUnread})
	for _, c := range cfg.Credentials {
		list = append(list, name{c.Name, "of " + c.Provider})
	}
	for _, s := range cfg.Sinks {
		if sinks {
			list = append(list, name{s.Name, "sink, " + s.Type})
		}
	}
	return list
}

// mostOffered limits the completions.
const mostOffered = 500

// pattern matches names with the typed prefix.
func pattern(begun string) []string {
	if begun == "" {
		return nil
	}
	return []string{begun + "*"}
}

// completionTime limits the wait for completions.
const completionTime = 2 * time.Second

// complete offers the names that are not on the command line yet, without
// duplicates: a credential and its sink often have the same name.
func (a *app) complete(command *cobra.Command, given []string, begun string, sinks bool) ([]string, cobra.ShellCompDirective) {
	used := map[string]bool{}
	for _, text := range given {
		used[text] = true
	}
	var offered []string
	for _, n := range a.names(command, begun, sinks) {
		if !used[n.text] {
			used[n.text] = true
			offered = append(offered, n.text+"\t"+n.note)
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}

// completeNames offers credentials and sinks.
func (a *app) completeNames(command *cobra.Command, given []string, begun string) ([]string, cobra.ShellCompDirective) {
	return a.complete(command, given, begun, true)
}

// completeCredentials offers credentials.
func (a *app) completeCredentials(command *cobra.Command, given []string, begun string) ([]string, cobra.ShellCompDirective) {
	return a.complete(command, given, begun, false)
}

// completeOneCredential offers credentials for the first argument only.
func (a *app) completeOneCredential(command *cobra.Command, given []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(given) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return a.complete(command, given, begun, false)
}
