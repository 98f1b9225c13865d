package schedule

import (
	"cmp"
	"time"
)

// Kind is what a task does.
type Kind uint8

// The kinds of task.
const (
	Obtaining Kind = iota
	Delivering
	Hooking
)

// String returns what the task handles: credential, sink or hook.
func (k Kind) String() string {
	return [...]string{"credential", "sink", "hook"}[k]
}

// Key identifies a task.
type Key struct {
	Kind Kind
	Name string // of the credential, or of the sink
}

// Task is one recurring piece of work, as configured. The board keeps the
// pointer: the caller must not change the task after Apply.
type Task struct {
	Key
	// Group names the group whose budget the task shares: the provider of a
	// credential, SinkGroup or HookGroup.
	Group string
	// Policy controls when a credential is renewed; nil for other tasks.
	Policy *Policy
	// Needs names the credentials that the task uses.
	Needs []string
	// Identity and Inputs are as in Token; credentials only.
	Identity, Inputs string
	// Target is as in Delivery; sinks only.
	Target string
	// Extra holds rarely used fields; tasks may share it. It may be nil.
	Extra *Extra
}

// Extra holds fields that few tasks use, or that many tasks share.
type Extra struct {
	// Absent says which input of a credential is missing or unusable; empty if all
	// are available. Otherwise the credential is parked, whatever its record says;
	// its Identity and Inputs are unknown and count as unchanged.
	Absent string
	// Client identifies the address, the id and the secret of the request; empty
	// if credentials do not share a client.
	Client string
	// Together identifies the hooks that share a command; empty if the hook runs
	// alone. Hooks only.
	Together string
	// OneWay means that the seed works once and cannot be replaced without a
	// person; within Grace of a call the server accepts it again. Seedless means
	// that the configuration or an input serves as the seed. Credentials only.
	OneWay, Seedless bool
	Grace            time.Duration
}

// More returns the task's Extra, or the zero value.
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

// Names of the groups of local tasks. Configured names cannot contain
// parentheses.
const (
	SinkGroup = "(sinks)"
	HookGroup = "(hooks)"
)

// Compare orders keys by kind, then by name.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Kind, o.Kind), cmp.Compare(k.Name, o.Name))
}
