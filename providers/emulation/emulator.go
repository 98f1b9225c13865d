package emulation

import "net/http"

// Emulator is a backend played on this machine, for tests, demonstrations and
// rehearsals. It is safe for concurrent use, faults included.
type Emulator interface {
	http.Handler
	// Faults lists what can be made to go wrong, in a stable order.
	Faults() []FaultSwitch
	// SetFault makes the next calls go wrong by the named fault: so many of
	// them, or all until cleared when times is negative; zero clears that one.
	// An empty name clears every fault.
	SetFault(name string, times int) error
}

// FaultSwitch is one thing that an Emulator can be made to do wrong: a name in
// lower case with dashes, and a line of help for people. It is an alias, so
// that an emulator can have the type without importing anything of ours: one
// that shared code with the client would share its mistakes.
type FaultSwitch = struct{ Name, Help string }
