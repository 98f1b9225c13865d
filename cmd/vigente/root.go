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
	root.Version = buildOf().version
	root.SetVersionTemplate(buildOf().String() + "\n")
	root.SuggestionsMinimumDistance = 3
	root.SetFlagErrorFunc(suggestFlag)
	root.InitDefaultHelpFlag() // else --help before another flag swallows it
	root.InitDefaultVersionFlag()
	root.AddCommand(
		a.initCommand(), a.runCommand(), a.checkCommand(), a.statusCommand(), a.renewCommand(), a.planCommand(), a.reloadCommand(), a.pauseCommand(), a.resumeCommand(), a.forgetCommand(), a.showCommand(),
		a.waitCommand(), a.explainCommand(), a.signCommand(), a.simulateCommand(), a.doctorCommand(), a.emulateCommand(), a.demoCommand(),
		a.presetsCommand(), a.sealCommand(), a.clusterCommand(), a.loginCommand(), a.versionCommand(), a.manCommand(),
	)
	return root
}

// refuseOthers lets "completion tcsh" and "help nonsense" fail: the library
// prints its help and calls that done, which a package's script would take for
// a completion.
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
	opt := config.Options{Getenv: a.Getenv, UID: a.UID, ReadFile: leaveUnread, SocketOnly: true}
	cfg, faults := config.Load(a.configPath(), opt)
	for _, f := range faults {
		if f.Key == "file" && !cfg.Daemon.SocketChosen { // a file as a whole: the key may stand in it
			a.unread = f.Error()
			break
		}
	}
	return control.NewClient(config.ClientSocket(cfg, opt))
}

// leaveUnread stands in for reading secrets, which a client has no use for.
func leaveUnread(string) ([]byte, error) { return nil, errors.New("not read") }

// name is one that may be completed, with what is said beside it.
type name struct{ text, note string }

// names returns the credentials, and with them the sinks where they fit: from
// the running daemon, or else from the configuration.
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

// mostOffered is how many names are offered at once.
const mostOffered = 500

// pattern selects what begins like a word that is being typed.
func pattern(begun string) []string {
	if begun == "" {
		return nil
	}
	return []string{begun + "*"}
}

// completionTime bounds how long a person waits for names.
const completionTime = 2 * time.Second

// complete offers the names that were not given yet, each once: a credential
// and its sink often have the same.
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
