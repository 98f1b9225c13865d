package main

import "github.com/spf13/cobra"

func (a *app) showCommand() *cobra.Command {
	var field string
	command := &cobra.Command{
		Use:   "show NAME",
		Short: "Print a value of a credential",
		Long: `Print a value of a credential, its main one unless a field is named, followed
by a newline. Every credential also has expires_at, issued_at and generation.

The running daemon is asked: it gives values to root, to its own user and to
members of the group of its control socket.`,
		Example: `  # the main value, for a call by hand
  curl -H "Authorization: Bearer $(vigente show vault)" https://vault.example.com/api
  # another field
  vigente show vault --field expires_at`,
		Args:              exactly("NAME"),
		ValidArgsFunction: a.completeOneCredential,
		RunE: a.begin(func(command *cobra.Command, args []string) error {
			if _, err := a.harden(); err != nil {
				return err
			}
			value, err := a.client().Show(command.Context(), args[0], field)
			if err != nil {
				return err
			}
			a.out.line(value.Reveal())
			return nil
		}),
	}
	command.Flags().StringVar(&field, "field", "", "`FIELD` to print (default the kind's first)")
	return command
}
