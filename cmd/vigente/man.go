package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) manCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "man [FOLDER]",
		Short: "Print the manual page, or write those of all commands",
		Long: `Print the manual page of vigente as roff, or write one page for each command
into a folder, which is made if need be. $SOURCE_DATE_EPOCH sets their date.`,
		Example: `  # read it
  vigente man | man -l -
  # for a package
  vigente man /usr/share/man/man1`,
		Args: atMost("FOLDER"),
		RunE: a.begin(func(command *cobra.Command, args []string) error {
			root := command.Root()
			root.DisableAutoGenTag = true
			header := &doc.GenManHeader{Title: "VIGENTE", Section: "1", Source: "vigente " + buildOf().version, Manual: "Vigente"}
			if len(args) == 0 {
				return doc.GenMan(root, header, a.out)
			}
			if err := os.MkdirAll(args[0], 0o755); err != nil { //nolint:gosec // manual pages are for everybody
				return fmt.Errorf("make the folder: %w", err)
			}
			header.Title = "" // each command has its own
			return doc.GenManTree(root, header, args[0])
		}),
	}
}
