package main

import (
	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon"
)

func (a *app) sealCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "seal",
		Short: "Seal the stored state with daemon.state_key",
		Long: `Seal the existing state with the key in daemon.state_key, and write the file
state.sealed next to it. Use it to introduce a state_key, and to accept a state
that the daemon refuses: one in clear text, or one that is older than state.sealed
says. By running this command you confirm that the state is the right one. A state
that cannot be decrypted with the key is not sealed.

Stop the daemon first, and run the command as the daemon's user.`,
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
