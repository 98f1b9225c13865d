package sinks

import (
	"context"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/process"
	"github.com/vigented/vigente/internal/section"
)

// Kind is one kind of sink.
type Kind struct {
	// Name is the value of the type key.
	Name string
	// Open reads the sink's section. It reports faults through the section and
	// does not touch the target. Its result is ignored if it reported a fault.
	Open func(s *section.Section, env Env) Binding
	// Setup is what vigente init asks for; nil if it does not offer the kind.
	Setup *Setup
}

// Setup describes what is needed for a first sink of a kind that keeps a file.
type Setup struct {
	Path string // the question for the path
	// Content is the key of the single text; empty for a kind with a table of
	// values, where Value starts the question for the name of each.
	Content, Value string
	Section        bool // the values are in a section
}

// Env is what the daemon provides to a kind.
type Env struct {
	// Processes runs programs. If nil, programs run with the daemon's own
	// limits.
	Processes *process.Runner
	// Exclusive runs a command while no other command with that name runs, on
	// any machine. longest is the maximum duration of the command. If nil, the
	// command just runs.
	Exclusive func(ctx context.Context, name string, longest time.Duration, run func(context.Context) error) error
}

// Binding is one sink, ready for deliveries.
type Binding struct {
	Sink credential.Sink
	Hook credential.Hook // nil without a hook
	// Together identifies equal hook commands, which run once for all sinks that
	// changed; empty if the hook runs for each sink.
	Together string
	// Target identifies where the sink delivers, in readable form: the path of a
	// file. Sinks with the same target share it.
	Target string
	// File is the absolute path of the sink's file; empty if the sink is not a
	// file.
	File string
	// Refs are the fields the sink uses, each with its configuration key, so
	// that an unknown field is reported at the right line.
	Refs []credential.RefAt
	// Claims are the parts of Target that the sink manages. Two sinks must not
	// claim the same part; a claim to the whole target conflicts with every
	// other.
	Claims []Claim
	// Enforce means that a value we did not issue is replaced; otherwise it is
	// reported and kept.
	Enforce bool
}

// Claim is one managed part of a target. The zero value claims the whole
// target.
type Claim struct {
	// Part is the managed key in its folded form ("tssoffline/token").
	Part string
	// Key is the configuration key that claims it ("values.TOKEN").
	Key string
}
