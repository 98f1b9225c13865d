package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/control"
)

func (a *app) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reload",
		Short: "Make the daemon read its configuration again",
		Long: `Make the daemon read its configuration again and apply what changed: what did
not change is not renewed, not rewritten and not interrupted. When the new one
is faulty the old one runs on; the faults are printed and the exit code is 1.

SIGHUP does the same without an answer.`,
		Example: `  # after an edit, with the verdict
  vigente reload`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			err := a.client().Reload(command.Context())
			if problem, ok := errors.AsType[*control.Problem](err); ok && problem.Code == control.CodeFailed {
				lines := append(strings.Split(problem.Message, "\n"), "vigente: the new configuration was not accepted, the old one runs on")
				return &exitError{exitFailed, lines}
			}
			if err != nil {
				return err
			}
			a.out.line("ok: the configuration was read and runs")
			return nil
		}),
	}
}
