// Package sinks is what the kinds of sink are made from: the keys that they have
// in common, the texts that they show, the file that they keep, and the hook
// that runs after a change.
//
// It knows no kind. It never puts a value into an error, and gives every
// failure the form of a credential.Fault that names the cure.
package sinks

import (
	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/section"
)

// MaxSize is the largest file that a sink reads or writes.
const MaxSize = 8 << 20

// defaultMode is given to files that a sink creates.
const defaultMode = 0o600

// Common reads the keys that every kind of sink has: path, mode, owner, group,
// on_change and enforce. It returns the file to write and the binding to
// complete with what the kind knows.
func Common(s *section.Section, env Env) (Target, Binding) {
	s.Required("path")
	b := Binding{Path: s.FilePath("path"), Enforce: s.Bool("enforce", false)}
	if h := readHook(s, env); h != nil {
		b.Hook = h
	}
	return Target{Path: b.Path, Options: atomicfile.Options{
		Mode: s.Mode("mode", defaultMode), Owner: s.Text("owner", ""), Group: s.Text("group", ""),
		Create: true, MaxSize: MaxSize,
	}}, b
}
