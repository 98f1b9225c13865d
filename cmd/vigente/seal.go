package main

import (
	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon"
)

func (a *app) sealCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "seal",
		Short: "Seal the stored state with daemon.state_key",
		Long: `Seal the state that is there with the key that daemon.state_key names, and
make the mark state.sealed beside it. This is how a state_key is introduced, and
how a state is accepted that the daemon refuses: one in clear, or one that is
older than its mark says. Whoever runs this command decides that the state is
the right one. What does not open with the key is not sealed.

The daemon must not be running, and the command runs as the daemon's user.`,
		Example: `  # introduce a key
  systemctl stop vigente
  sudo -u vigente vigente seal
  systemctl start vigente`,
		Args: exactly(),
		RunE: a.begin(func(*cobra.Command, []string) error {
			s, err := daemon.Seal(daemon.Options{ConfigPath: a.configPath(), Getenv: a.Getenv, UID: a.UID})
			if err != nil {
				return err
			}
			a.out.printf("sealed %s in %s\n", count(s.Records, "record"), s.StateDir)
			return nil
		}),
	}
}
