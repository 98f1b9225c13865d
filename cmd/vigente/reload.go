package main

import (
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/view"
)

func (a *app) reloadCommand() *cobra.Command {
	var asJSON bool
	var opt control.ReloadOptions
	command := &cobra.Command{
		Use:   "reload",
		Short: "Make the daemon reload its configuration",
		Long: `Make the daemon read its configuration again and apply the differences. Whatever
did not change is not renewed, not rewritten and not interrupted. If the new
configuration has errors, they are printed, the daemon keeps running the old one,
and the exit code is 3. Missing files and variables are listed: the credentials
that need them wait for them, everything else runs.

SIGHUP does the same without an answer.`,
		Example: `  # after an edit
  vigente reload`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			done, err := a.client().Reload(command.Context(), opt)
			if problem, ok := errors.AsType[*control.Problem](err); ok && problem.Code == control.CodeRejected {
				faults := strings.Split(problem.Message, "\n")
				if asJSON {
					return errors.Join(a.document(reloaded{view.Format, false, faults, []control.Missing{}}), &exitError{code: exitConfig})
				}
				return &exitError{exitConfig, append(faults, "vigente: the new configuration was refused; still running the old one")}
			}
			if err != nil {
				return err
			}
			if asJSON {
				return a.document(reloaded{view.Format, true, []string{}, append([]control.Missing{}, done.Missing...)})
			}
			a.out.line("ok: the configuration was applied")
			for _, m := range done.Missing {
				a.err.line("vigente: " + m.Credential + " waits for " + m.Path)
			}
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	command.Flags().BoolVar(&opt.AcceptRemovals, "accept-removals", false, "apply a change that removes more than half of a fleet")
	command.Flags().BoolVar(&opt.AcceptIdentities, "accept-identities", false, "apply a change that gives more than half of a fleet another identity")
	return command
}

// reloaded is the document of reload --json.
type reloaded struct {
	Format  int               `json:"format"`
	OK      bool              `json:"ok"`
	Faults  []string          `json:"faults"`
	Missing []control.Missing `json:"missing"`
}
