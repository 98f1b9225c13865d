package sinks

import (
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
}

// Env is what the daemon lends to a kind.
type Env struct {
	// Processes runs programs. Nil works, with the limits that the daemon has
	// itself.
	Processes *process.Runner
}

// Binding is one sink, ready to be delivered to.
type Binding struct {
	Sink credential.Sink
	Hook credential.Hook // nil when there is none
	// Path is the file it manages, absolute.
	Path string
	// Refs are the fields it shows, each with the configuration key that names
	// it, so that a wrong one is reported at its line.
	Refs []RefAt
	// Claims are the parts of Path that it manages. Two sinks must not claim
	// the same part; the whole-file claim clashes with every other.
	Claims []Claim
	// Enforce says that a value which nobody here issued is replaced when it
	// is found in Path; otherwise it is reported and left.
	Enforce bool
}

// RefAt is a reference and the key it stands in ("content", "values.TOKEN").
type RefAt struct {
	credential.Ref
	Key string
}

// Claim is one managed part of a file. The zero claim is the whole file.
type Claim struct {
	// Part is the managed key in its folded form ("tssoffline/token").
	Part string
	// Key is the configuration key that claims it ("values.TOKEN").
	Key string
}
