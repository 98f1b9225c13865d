package refresh

import (
	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// Plan is the configuration as the engine runs it: everything is opened,
// checked and complete. It is never changed after it was handed over; a reload
// hands over another one.
type Plan struct {
	Providers   []ProviderSpec
	Credentials []CredentialSpec
	Sinks       []SinkSpec
}

// ProviderSpec is one backend and the budget all its credentials share.
type ProviderSpec struct {
	Name        string
	Type        string
	Rates       []schedule.Rate
	Concurrency int
}

// CredentialSpec is one thing kept valid.
type CredentialSpec struct {
	Name     string
	Provider string // name of its ProviderSpec
	Type     string // kind of that provider
	Policy   schedule.Policy
	// Identity names the thing at the backend. Values obtained under another
	// identity are not this credential's.
	Identity string
	// Inputs is a keyed digest of the secrets and keys used to obtain it. A
	// change is tried at once and frees a parked credential.
	Inputs string
	// Needs names the credentials whose values it is made from.
	Needs []string
	// Fields are the kind's own fields, the one to show by default first.
	Fields []string
	Source credential.Provider
}

// SinkSpec is one place that receives values.
type SinkSpec struct {
	Name string
	Type string
	Path string
	// Needs names the credentials it shows, sorted.
	Needs []string
	// Target is a digest of its configuration: another one is delivered anew.
	Target string
	Sink   credential.Sink
	Hook   credential.Hook // nil when there is none
}
