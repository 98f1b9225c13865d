package main

import (
	"cmp"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/view"
)

// version is set by the linker for a release (-X main.version=1.2.3).
var version string

// build identifies the binary.
type build struct {
	version, revision string
	at                time.Time // of the revision; zero when unknown
}

// buildOf returns the build information in the binary.
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
		case "vcs.time":
			b.at, _ = time.Parse(time.RFC3339, s.Value) // zero if unknown
		case "vcs.modified":
			modified = s.Value == "true"
		}
	}
	if modified {
		b.revision += "+modified"
	}
	return b
}

// String returns it for people.
func (b build) String() string {
	return "vigente " + b.version + " (revision " + b.revision + ", " + runtime.Version() + ")"
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
					Format   int    `json:"format"`
					Version  string `json:"version"`
					Revision string `json:"revision"`
					Go       string `json:"go"`
				}{view.Format, b.version, b.revision, runtime.Version()})
			}
			a.out.line(b.String())
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}
