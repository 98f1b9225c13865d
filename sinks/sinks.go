// Package sinks is what the kinds of sink are made from: the keys that they have
// in common, the texts that they show, the roles that they may have, and the
// hook that runs after a change. What is common to sinks that are files lies in
// filesink.
//
// It knows no kind. It never puts a value into an error, and gives every
// failure the form of a credential.Fault that says what to do.
package sinks

import "github.com/vigented/vigente/internal/section"

// Common reads the keys that every kind of sink has: on_change and enforce. It
// returns the binding to complete with what the kind knows.
func Common(s *section.Section, env Env) Binding {
	b := Binding{Enforce: s.Bool("enforce", false)}
	if h := readHook(s, env); h != nil {
		b.Hook, b.Together = h, h.together
	}
	return b
}
