// Package plan defines what a configuration means to the engine, and the difference
// between two configurations. It only holds data.
package plan

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// Plan is a configuration that was opened, checked and found complete. It is
// immutable; a reload uses a Change.
type Plan struct {
	Providers   []Provider
	Credentials []Credential
	Sinks       []Sink
}

// Hash is a hash of the content of a spec. Specs with the same name and hash are
// interchangeable. The zero hash equals no hash, not even another zero hash.
type Hash [16]byte

// Provider is one backend with the limits that all its credentials share.
type Provider struct {
	Name        string
	Type        string
	Rates       []schedule.Rate
	Concurrency int
	// Settings is a digest of its keys, without secrets and files, as every machine of a
	// cluster computes it. It is zero without a cluster.
	Settings Hash
	Hash     Hash
}

// Credential is one credential kept valid.
type Credential struct {
	Name     string
	Provider string // name of its Provider
	// Common may be shared with other credentials, so it must not be changed.
	*Common
	// Identity identifies the credential at the backend. Values obtained under another
	// identity do not belong to it.
	Identity string
	// Inputs is a keyed digest of the secrets and keys used to obtain it. If it
	// changes, the credential is tried immediately, even if it was parked.
	Inputs string
	// Shared is Inputs as every machine of a cluster computes it. It is empty without
	// a cluster.
	Shared string
	// Settings is Provider.Settings for the credential's own keys.
	Settings Hash
	// Needs names the credentials from which it is derived.
	Needs  []string
	Source credential.Provider
	// Missing lists what it needs but cannot be used. The credential is then parked,
	// whatever its record says. Identity and Inputs are empty because they are not
	// known, and count as unchanged. It is tried again after the Change in which
	// nothing is missing.
	Missing []Missing
	Hash    Hash
}

// Common is the part of a credential that is mostly the same in all rows of a fleet.
type Common struct {
	Type   string // kind of its provider
	Policy schedule.Policy
	// Places are the locations of the secrets and files used to obtain it.
	Places []Place
	// Fields are the kind's own fields. The first is shown by default.
	Fields []string
	// Client is providers.Binding.Client.
	Client string
	// Limits are the expiries of what it depends on in the configuration.
	Limits []credential.Limit
	// OnFailure is the command for a failure that lasts. If it is nil, the daemon's
	// own command is used.
	OnFailure *OnFailure
}

// Equal reports whether both are the same.
func (c *Common) Equal(o *Common) bool {
	return c.Type == o.Type && c.Client == o.Client && c.Policy.Equal(o.Policy) && c.OnFailure.equal(o.OnFailure) &&
		slices.Equal(c.Places, o.Places) && slices.Equal(c.Fields, o.Fields) && slices.Equal(c.Limits, o.Limits)
}

// Missing is a secret, a CA or a certificate that cannot be used.
type Missing struct {
	Key     string // the configuration key that refers to it
	Path    string // of a file, or an environment variable with a dollar sign
	Message string // for people; includes the path
	At      time.Time
}

// Table returns the path of its table in the configuration, as faults show it.
func (c *Credential) Table() string {
	if strings.Contains(c.Name, "/") { // of a row
		return `credentials."` + c.Name + `"`
	}
	return "credentials." + c.Name
}

// Absent says what is missing. It is empty if nothing is.
func (c *Credential) Absent() string {
	texts := make([]string, len(c.Missing))
	for i, m := range c.Missing {
		texts[i] = m.Key + ": " + m.Message
	}
	return strings.Join(texts, "; ")
}

// OnFailure is a command to run after a failure has lasted for some time.
type OnFailure struct {
	Command        []string
	After, Timeout time.Duration
}

func (f *OnFailure) equal(o *OnFailure) bool {
	if f == nil || o == nil {
		return f == o
	}
	return f.After == o.After && f.Timeout == o.Timeout && slices.Equal(f.Command, o.Command)
}

// Sink is one place to which values are delivered.
type Sink struct {
	Name string
	Type string
	Path string // where it delivers to, for people, such as the path of a file
	File string // the file it writes; empty if the sink is not a file
	// Device is the device of Path. Sinks of one device share a limit; those of
	// different devices do not wait for each other.
	Device string
	// Needs names the credentials it shows, sorted.
	Needs []string
	// Target is a digest of its configuration. If it changes, the sink is delivered
	// again.
	Target string
	Sink   credential.Sink
	Hook   credential.Hook // nil if there is none
	// Together names the sinks that share one run of the hook. It is empty for a hook
	// that runs for this sink only.
	Together string
	// Guard detects changes by others to the target. It is nil if the kind cannot.
	Guard Guard
	Hash  Hash
}

// Place is the location of the value of one configuration key.
type Place struct {
	Table string // "providers.vault"
	Key   string // below the table: "client_secret", "author.certificate.file"
	Where string // a file, FILE:LINE of the configuration, or what else holds it
}

// Guard compares a target with what it should hold. It does not change the target.
type Guard interface {
	// Values returns digests of what the sink shows for the set, by name. They make
	// it possible to recognise older values of ours.
	Values(set credential.Set) (map[string]string, error)
	// Inspect says what the target holds instead of the set. issued reports whether a
	// digest under a name is one of ours.
	Inspect(ctx context.Context, set credential.Set, issued func(name, digest string) bool) (Drift, error)
}

// Glancer is a Guard of a target on a device. Many of one device can be looked at
// together.
type Glancer interface {
	// OnDevice calls f on a thread of the target's device. If the device hangs, it
	// returns an error although f may still run.
	OnDevice(ctx context.Context, f func(context.Context)) error
	// InPlace reports whether the target plainly holds what it should; if not,
	// Inspect finds out more. It must be called on a thread of the device.
	InPlace(set credential.Set) bool
}

// Drift is the result of comparing a target with what it should hold.
type Drift uint8

// Results of a comparison.
const (
	InPlace Drift = iota // what it should
	Lost                 // nothing, something empty, or an older value of ours: repair it
	Foreign              // a value that this host has not issued: leave it and report it
)
