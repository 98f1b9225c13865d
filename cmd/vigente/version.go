package main

import (
	"cmp"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker for a release (-X main.version=1.2.3).
var version string

// build says which program this is.
type build struct{ version, revision string }

// buildOf returns what the linker and the toolchain noted in the binary.
func buildOf() build {
	b := build{version: cmp.Or(version, "devel"), revision: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if v := info.Main.Version; version == "" && v != "" && v != "(devel)" {
		b.version = v
	}
	modified := false
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.revision = s.Value
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		b.revision += "+modified"
	}
	return b
}

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  vigente version\n  vigente version --json | jq -r .version",
		Args:    exactly(),
		RunE: a.begin(func(*cobra.Command, []string) error {
			b := buildOf()
			if asJSON {
				return a.document(struct {
					Version  string `json:"version"`
					Revision string `json:"revision"`
					Go       string `json:"go"`
				}{b.version, b.revision, runtime.Version()})
			}
			a.out.printf("vigente %s (revision %s, %s)\n", b.version, b.revision, runtime.Version())
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}
