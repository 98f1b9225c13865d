package view

import (
	"github.com/vigented/vigente/daemon/engine"
)

// Classes of states, by how urgently someone must look at them.
const (
	ClassGood = "good" // no need
	ClassWarn = "warn" // some time
	ClassBad  = "bad"  // now
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

// Worse returns the more urgent class.
func Worse(a, b string) string {
	if a == ClassBad || b == ClassGood {
		return a
	}
	return b
}
