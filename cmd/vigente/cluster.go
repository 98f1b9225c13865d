package main

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/view"
)

func (a *app) clusterCommand() *cobra.Command {
	command := &cobra.Command{
		Use:   "cluster",
		Short: "Manage this machine's membership in a cluster",
		Long: `With [cluster] in the configuration, several machines share their credentials.
vigente status --cluster lists them.`,
		Example: `  # go back to one machine, after stopping the others
  vigente cluster leave`,
		RunE: func(*cobra.Command, []string) error { return errors.New("a command is missing") },
	}
	command.AddCommand(&cobra.Command{
		Use:   "leave",
		Short: "Take all credentials back to this machine",
		Long: `Take all credentials back to this machine, and leave a note in etcd that refresh
tokens which work only once are here: a machine that finds the note does not use
them until this machine joins again. The command is refused while another machine
is running. Afterwards, remove [cluster] from the configuration.`,
		Example: `  # go back to one machine, after stopping the others
  vigente cluster leave`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			err := a.client().LeaveCluster(command.Context())
			if _, away := errors.AsType[*control.UnreachableError](err); away {
				err = daemon.Leave(command.Context(), daemon.Options{
					ConfigPath: a.configPath(), Getenv: a.Getenv, UID: a.UID, Logger: zap.NewNop(), LogLevel: zap.NewAtomicLevel(),
					Providers: providerKinds(), Sinks: sinkKinds(),
				})
			}
			if err != nil {
				return err
			}
			a.out.line("all credentials are back on this machine; remove [cluster] from the configuration and restart")
			return nil
		}),
	})
	return command
}

// writeCluster prints the machines for people.
func writeCluster(out *printer, s cluster.Status) {
	switch {
	case s.Engine.Up:
		out.line("engine: up")
	default:
		out.printf("engine: away, alone since %s\n", view.Local(*s.Engine.AloneSince))
	}
	for _, m := range s.Machines {
		hash := m.ConfigHash
		if len(hash) > 12 {
			hash = hash[:12]
		}
		out.printf("machine %s: last seen %s, version %s, configuration %s\n", m.Name, view.Local(m.LastSeen), m.Version, hash)
	}
	if hashes := differing(s); hashes {
		out.line("machines differ: their providers, credentials or renewal settings are not the same")
	}
	for _, i := range s.Intents {
		out.printf("intent %s: %s since %s\n", i.Credential, i.Node, view.Local(i.At))
	}
}

// differing reports whether live machines run different configurations.
func differing(s cluster.Status) bool {
	newest := time.Time{}
	for _, m := range s.Machines {
		if m.LastSeen.After(newest) {
			newest = m.LastSeen
		}
	}
	hash := ""
	for _, m := range s.Machines {
		if newest.Sub(m.LastSeen) > time.Minute {
			continue
		}
		if hash != "" && m.ConfigHash != hash {
			return true
		}
		hash = m.ConfigHash
	}
	return false
}
