package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) manCommand() *cobra.Command {
	var reference bool
	command := &cobra.Command{
		Use:   "man [FOLDER]",
		Short: "Print the manual page, or write all of them into a folder",
		Long: `Print the manual page of vigente as roff, or with --toml that of its
configuration. With a folder, which is created if necessary, write all pages:
vigente.1, one for each command, and vigente.toml.5. $SOURCE_DATE_EPOCH sets their
date.`,
		Example: `  # read it
  vigente man | man -l -
  # every key of the configuration
  vigente man --toml | man -l -
  # for a package
  vigente man /usr/share/man/man1`,
		Args: atMost("FOLDER"),
		RunE: a.begin(func(command *cobra.Command, args []string) error {
			date, err := a.manDate()
			if err != nil {
				return err
			}
			root := command.Root()
			page := manualPage(root, date)
			if reference {
				page = referencePage(date)
			}
			if len(args) == 0 {
				_, err := a.out.Write(page)
				return err
			}
			return writePages(root, args[0], date)
		}),
	}
	command.Flags().BoolVar(&reference, "toml", false, "print the manual page of the configuration, vigente.toml(5)")
	return command
}

// writePages writes all pages to a folder.
func writePages(root *cobra.Command, folder string, date time.Time) error {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // manual pages are for everybody
		return fmt.Errorf("create the folder: %w", err)
	}
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Date: &date, Source: "vigente " + buildOf().version, Manual: "Vigente"}
	if err := doc.GenManTree(root, header, folder); err != nil {
		return fmt.Errorf("write the manual pages: %w", err)
	}
	for name, page := range map[string][]byte{"vigente.1": manualPage(root, date), "vigente.toml.5": referencePage(date)} {
		if err := os.WriteFile(filepath.Join(folder, name), page, 0o644); err != nil { //nolint:gosec,forbidigo // for everybody; nobody reads it yet
			return fmt.Errorf("write the manual pages: %w", err)
		}
	}
	return nil
}

// manDate is the date of the pages: $SOURCE_DATE_EPOCH for reproducible builds,
// else the Unix epoch.
func (a *app) manDate() (time.Time, error) {
	text := a.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return buildOf().at, nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("read $SOURCE_DATE_EPOCH: %q is not a number of seconds", text)
	}
	return time.Unix(seconds, 0).UTC(), nil
}
