package sinks

import (
	"context"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/process"
	"github.com/vigented/vigente/internal/section"
)

// Kind is one kind of sink, one line of the catalogue.
type Kind struct {
	// Name is the value of the type key.
	Name string
	// Open reads the sink's section. It reports what is wrong through the
	// section and touches no target; its result is ignored when it reported
	// something.
	Open func(s *section.Section, env Env) Binding
	// Setup is what vigente init asks about it; nil when it does not offer it.
	Setup *Setup
}

// Setup is what has to be known for a first sink of a kind that keeps a file.
type Setup struct {
	Path string // the question for the path
	// Content is the key that holds one text; empty when "values" does, each
	// under a key of its own: then Value begins the question for it.
	Content, Value string
	Section        bool // the values stand in a section
}

// Env is what the daemon lends to a kind.
type Env struct {
	// Processes runs programs. Nil works, with the limits that the daemon has
	// itself.
	Processes *process.Runner
	// Exclusive runs a command while no other one of that name runs, on any
	// machine, and lasts as long as the command may take at most. Nil runs it.
	Exclusive func(ctx context.Context, name string, longest time.Duration, run func(context.Context) error) error
}

// Binding is one sink, ready to be delivered to.
type Binding struct {
	Sink credential.Sink
	Hook credential.Hook // nil when there is none
	// Together names the hooks that are one command, which is run once for all
	// the sinks that changed; empty for one that runs for each sink.
	Together string
	// Target is the place it delivers to, in a form for people: the path of a
	// file. What has the same target is the same place.
	Target string
	// File is the path of the file it keeps, absolute; empty for a sink that is
	// no file.
	File string
	// Refs are the fields it shows, each with the configuration key that names
	// it, so that a wrong one is reported at its line.
	Refs []RefAt
	// Claims are the parts of Target that it manages. Two sinks must not claim
	// the same part; the claim on the whole clashes with every other.
	Claims []Claim
	// Enforce says that a value which nobody here issued is replaced when it
	// is found there; otherwise it is reported and left.
	Enforce bool
}

// RefAt is a reference and the key it stands in ("content", "values.TOKEN").
type RefAt struct {
	credential.Ref
	Key string
}

// Claim is one managed part of a target. The zero claim is the whole of it.
type Claim struct {
	// Part is the managed key in its folded form ("tssoffline/token").
	Part string
	// Key is the configuration key that claims it ("values.TOKEN").
	Key string
}
