// Package sinks provides what the kinds of sinks have in common: shared keys,
// texts with references, optional interfaces, and the hook that runs after a
// change. Package filesink has what is common to sinks that are files.
//
// The package knows no kind. It never puts a value into an error, and reports
// every failure as a credential.Fault that says what to do.
package sinks

import "github.com/vigented/vigente/internal/section"

// Common reads the keys that every kind of sink has: on_change and enforce. The
// kind completes the binding it returns.
func Common(s *section.Section, env Env) Binding {
	b := Binding{Enforce: s.Bool("enforce", false)}
	if h := readHook(s, env); h != nil {
		b.Hook, b.Together = h, h.together
	}
	return b
}
