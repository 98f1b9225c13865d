package emulator

import (
	"strings"

	"github.com/vigented/vigente/providers/emulation"
)

// run is the outcome of one run of a command.
type run struct {
	stdout, stderr string // an empty stdout means a token in the requested form
	code           int
	silent         bool // nothing is printed
	hangs          bool // it runs until it is killed
}

// fault is one fault.
type fault struct {
	name, help string
	run        run
}

// faults lists the faults; if several are set, the first in the list applies. A
// real tool may write anything to stderr; the emulator names its fault there.
func faults() []fault {
	return []fault{
		{"hang", "runs until it is killed", run{hangs: true}},
		{"busy", "exit code 75, for the moment", run{code: 75, silent: true, stderr: "emulated: the service is busy"}},
		{"refused", "exit code 77, the login is refused", run{code: 77, silent: true, stderr: "emulated: the login is refused, log in again"}},
		{"fails", "exit code 1, with a token that must not be believed", run{code: 1, stderr: "emulated: no route to the service"}},
		{"usage", "exit code 2, with its help on stdout", run{code: 2, stdout: "usage: tool [--json]\n", stderr: "emulated: unknown option"}},
		{"complains", "a good token, and a warning on stderr", run{stderr: "emulated: WARNING: a new version is there"}},
		{"nothing", "exit code 0 and nothing printed", run{silent: true}},
		{"words", "a sentence in place of a token", run{stdout: "Please run 'tool login' first.\n"}},
		{"page", "the page of a portal in place of a token", run{stdout: "<!DOCTYPE html>\n<html><title>Login</title></html>\n"}},
		{"broken", "JSON that breaks off", run{stdout: `{"access_token":"never-whole`}},
		{"too-much", "more than 64 KiB", run{stdout: strings.Repeat("a", 70000) + "\n"}},
		{"over", "a token that has ended already, in the forms that state an end", run{}},
	}
}

// Faults lists the supported faults.
func (*Tools) Faults() []emulation.FaultSwitch {
	all := faults()
	list := make([]emulation.FaultSwitch, len(all))
	for i, f := range all {
		list[i] = emulation.FaultSwitch{Name: f.name, Help: f.help}
	}
	return list
}

// names yields the names of the faults in order.
func names(yield func(string) bool) {
	for _, f := range faults() {
		if !yield(f.name) {
			return
		}
	}
}
