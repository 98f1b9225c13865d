package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// exactly checks that a command gets exactly these arguments, named as in its
// help.
func exactly(what ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(what) {
			return missing(what[len(args)])
		}
		return atMost(what...)(nil, args)
	}
}

// atMost checks that a command gets at most these arguments.
func atMost(what ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) <= len(what) {
			return nil
		}
		expected := "no argument"
		if len(what) > 0 {
			expected = strings.Join(what, " ") + " only"
		}
		return fmt.Errorf("unexpected argument %q (expected %s)", args[len(what)], expected)
	}
}

// someOf checks that a command gets at least one argument, each of them known.
func someOf(what string, known ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return missing(what)
		}
		for _, arg := range args {
			if len(known) > 0 && !slices.Contains(known, arg) {
				return fmt.Errorf("%s %q is not known (expected one of %s)", what, arg, strings.Join(known, ", "))
			}
		}
		return nil
	}
}

func missing(what string) error { return fmt.Errorf("%s is missing", what) }
