package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/view"
)

func (a *app) showCommand() *cobra.Command {
	var field string
	var asJSON bool
	command := &cobra.Command{
		Use:   "show NAME",
		Short: "Print a value of a credential",
		Long: `Print a value of a credential followed by a newline: its main field, or the one
given with --field. Every credential also has expires_at, issued_at and generation.

The running daemon gives values to root, to its own user and to members of the
group of its control socket.`,
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
			if asJSON {
				return a.document(struct {
					Format int    `json:"format"`
					Name   string `json:"name"`
					Value  string `json:"value"`
				}{view.Format, args[0], value.Reveal()})
			}
			a.out.line(value.Reveal())
			return nil
		}),
	}
	command.Flags().StringVar(&field, "field", "", "`FIELD` to print (default the kind's first)")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	_ = command.RegisterFlagCompletionFunc("field", a.completeFields) // fails for an unknown flag only
	return command
}

// completeFields offers the fields of the named credential.
func (a *app) completeFields(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(command.Context(), completionTime)
	defer cancel()
	fields, err := a.client().Fields(ctx, args[0])
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return fields, cobra.ShellCompDirectiveNoFileComp
}
