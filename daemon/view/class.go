package view

import (
	"github.com/vigented/vigente/daemon/engine"
)

// The classes that a state belongs to, by what it asks of a person.
const (
	ClassGood = "good" // nothing
	ClassWarn = "warn" // a look, some time
	ClassBad  = "bad"  // a look now
)

// Class returns the class of a credential's state.
func Class(s engine.State) string {
	switch s {
	case engine.Valid, engine.Handover:
		return ClassGood
	case engine.Pending, engine.Failing, engine.Overdue:
		return ClassWarn
	default:
		return ClassBad
	}
}

// SinkClass returns the class of a sink's state.
func SinkClass(s engine.State) string {
	switch s {
	case engine.Delivered:
		return ClassGood
	case engine.Pending, engine.Behind:
		return ClassWarn
	default:
		return ClassBad
	}
}

// Worse returns the class that asks more of a person.
func Worse(a, b string) string {
	if a == ClassBad || b == ClassGood {
		return a
	}
	return b
}
