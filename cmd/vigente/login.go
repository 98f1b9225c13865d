package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func (a *app) loginCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "login NAME",
		Short: "Log a person in for a credential of oauth2",
		Example: `  # the first login of a credential
  vigente login vendas`,
		Args: exactly("NAME"),
		RunE: a.begin(func(*cobra.Command, []string) error {
			return errors.New("log in: not part of this build yet")
		}),
	}
}
