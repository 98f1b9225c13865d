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
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: "  vigente version",
		Args:    cobra.NoArgs,
		RunE: a.begin(func(*cobra.Command, []string) error {
			b := buildOf()
			a.out.printf("vigente %s (revision %s, %s)\n", b.version, b.revision, runtime.Version())
			return nil
		}),
	}
}
