package schedule

import (
	"cmp"
	"time"
)

// Kind tells what a task does.
type Kind uint8

// The kinds of task.
const (
	Obtaining Kind = iota
	Delivering
	Hooking
)

// String returns the noun that the kind of task stands for.
func (k Kind) String() string {
	return [...]string{"credential", "sink", "hook"}[k]
}

// Key names one task.
type Key struct {
	Kind Kind
	Name string // of the credential, or of the sink
}

// Task is what the configuration says about one thing to be done again and
// again. The board keeps the pointer; it must not be changed after Apply.
type Task struct {
	Key
	// Group is the name of the group whose budget the task shares: its
	// provider; SinkGroup or HookGroup for the others.
	Group string
	// Policy times the obtaining of credentials; nil for the others.
	Policy *Policy
	// Needs names the credentials the task is made from.
	Needs []string
	// Identity and Inputs are those of Record; credentials only.
	Identity, Inputs string
	// Target is that of Delivery; sinks only.
	Target string
	// Extra is what the task has beyond that; tasks may share it. Nil for nothing.
	Extra *Extra
}

// Extra is what few tasks have, or what many have in common.
type Extra struct {
	// Absent says what a credential is made from and cannot be used; empty for
	// nothing. It is parked then, whatever its record says, and its Identity and
	// Inputs are not known, so they count as unchanged.
	Absent string
	// Client stands for the address, the id and the secret that it is obtained
	// with; empty where each credential stands for itself.
	Client string
	// Together names the hooks that are one command; empty for one that runs by
	// itself. Hooks only.
	Together string
	// OneWay says that the seed works once and is the only way in; within Grace
	// of a call the server takes it again. Seedless is one whose configuration, or
	// what it is made from, takes the place of the seed. Credentials only.
	OneWay, Seedless bool
	Grace            time.Duration
}

// More returns the task's Extra, the zero one where there is none.
func (t *Task) More() Extra {
	if t.Extra == nil {
		return Extra{}
	}
	return *t.Extra
}

// Group is a budget that tasks share.
type Group struct {
	Name        string
	Concurrency int // at least 1
	Rates       []Rate
}

// Names of the groups of tasks on this machine. They hold characters that no
// configured name has.
const (
	SinkGroup = "(sinks)"
	HookGroup = "(hooks)"
)

// Compare orders keys by kind, then by name.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Name, o.Name))
}
