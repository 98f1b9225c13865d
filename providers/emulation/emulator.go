package emulation

import "net/http"

// Emulator is a simulated backend on this machine, for tests, demonstrations
// and rehearsals. It is safe for concurrent use, SetFault included.
type Emulator interface {
	http.Handler
	// Faults lists the supported faults in a stable order.
	Faults() []FaultSwitch
	// SetFault makes the next calls fail with the named fault: as many as times
	// says, or, if it is negative, all until cleared. Zero clears that fault,
	// and an empty name clears all.
	SetFault(name string, times int) error
}

// FaultSwitch is one fault of an Emulator: a name in lower case with dashes,
// and a line of help. It is an alias, so that an emulator can use the type
// without importing our packages: an emulator that shared code with the client
// would share its mistakes.
type FaultSwitch = struct{ Name, Help string }
