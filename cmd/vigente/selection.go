package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
)

// selectionHelp is the help on names.
const selectionHelp = `A NAME may be a pattern: * matches any text, ? one character. Several names are
united; --provider, --state and --fleet narrow the selection.`

// selection are the flags that narrow names.
type selection struct{ provider, state, fleet string }

func (s *selection) flags(command *cobra.Command) {
	command.Flags().StringVar(&s.provider, "provider", "", "only those of the provider `NAME`")
	command.Flags().StringVar(&s.state, "state", "", "only those in `STATE`")
	command.Flags().StringVar(&s.fleet, "fleet", "", `only those of the fleet NAME; "" for those without a fleet`)
	states := func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return stateNames(), cobra.ShellCompDirectiveNoFileComp
	}
	_ = command.RegisterFlagCompletionFunc("state", states) // fails for an unknown flag only
}

// check refuses an unknown state.
func (s *selection) check() error {
	if s.state != "" && !slices.Contains(stateNames(), s.state) {
		return fmt.Errorf("--state %q is not a state (expected one of %s)", s.state, strings.Join(stateNames(), ", "))
	}
	return nil
}

func stateNames() []string {
	var all []string
	for _, state := range slices.Concat(engine.CredentialStates[:], engine.SinkStates[:]) {
		if !slices.Contains(all, string(state)) {
			all = append(all, string(state))
		}
	}
	return all
}

// of returns the selection of names and flags.
func (s *selection) of(command *cobra.Command, names []string) control.Selection {
	meant := control.Selection{Names: names, Provider: s.provider, State: engine.State(s.state)}
	if command.Flags().Changed("fleet") {
		meant.Fleet = &s.fleet
	}
	return meant
}

// query is the selection as a query to the engine.
func (s *selection) query(command *cobra.Command, names []string) engine.Query {
	meant := s.of(command, names)
	return engine.Query{Names: names, Provider: meant.Provider, State: meant.State, Fleet: meant.Fleet, Worst: true}
}

// narrows reports whether a flag narrows the selection.
func (s *selection) narrows(command *cobra.Command) bool {
	return s.provider != "" || s.state != "" || command.Flags().Changed("fleet")
}

// needed checks that a command has a selection.
func (s *selection) needed(all *bool) cobra.PositionalArgs {
	return func(command *cobra.Command, names []string) error {
		narrows := s.narrows(command)
		switch everything := all != nil && *all; {
		case everything && len(names) > 0:
			return fmt.Errorf("%q with --all (expected names, or --all without a name)", names[0])
		case !everything && !narrows && len(names) == 0 && all != nil:
			return fmt.Errorf("NAME is missing (expected names, or --all)")
		case !everything && !narrows && len(names) == 0:
			return missing("NAME")
		}
		return s.check()
	}
}
