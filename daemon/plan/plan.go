// Package plan holds what a configuration amounts to, and how two of them
// differ. It opens nothing, calls nothing and decides nothing.
package plan

import (
	"context"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// Plan is a configuration that was opened, checked and found complete. It is
// never changed after it was handed over; a reload hands over a Change.
type Plan struct {
	Providers   []Provider
	Credentials []Credential
	Sinks       []Sink
}

// Hash stands for the content of a spec. Specs of one name and one hash are
// interchangeable; the zero hash equals no other, not even another zero.
type Hash [16]byte

// Provider is one backend and the budget all its credentials share.
type Provider struct {
	Name        string
	Type        string
	Rates       []schedule.Rate
	Concurrency int
	Hash        Hash
}

// Credential is one thing kept valid.
type Credential struct {
	Name     string
	Provider string // name of its Provider
	Type     string // kind of that provider
	Fleet    string // empty for one that is written out
	Policy   schedule.Policy
	// Identity names the thing at the backend. Values obtained under another
	// identity are not this credential's.
	Identity string
	// Inputs is a keyed digest of the secrets and keys used to obtain it. A
	// change is tried at once and frees a parked credential.
	Inputs string
	// Shared is Inputs as every machine of a cluster computes it; empty without
	// one.
	Shared string
	// Places say where the secrets and files that it is obtained with stand.
	Places []Place
	// Needs names the credentials whose values it is made from.
	Needs []string
	// Fields are the kind's own fields, the one to show by default first.
	Fields []string
	// Client is that of providers.Binding.
	Client string
	// Limits are the ends of what the configuration makes it rest on.
	Limits []credential.Limit
	Source credential.Provider
	// OnFailure is who is told when it has not been in order for a while; nil for
	// whom the daemon tells.
	OnFailure *OnFailure
	// Missing is what it is made from and cannot be used. Such a credential is
	// parked for that reason, whatever its record says, and Identity and Inputs
	// are empty: they are not known, so they count as unchanged. It is tried
	// again by the Change in which nothing is missing any more.
	Missing []Missing
	Hash    Hash
}

// Missing is a secret, a CA or a certificate that cannot be used.
type Missing struct {
	Key     string // of the configuration that refers to it
	Path    string // of a file, or a variable of the environment with a dollar sign
	Message string // for people, with the path
	At      time.Time
}

// Absent says what is missing, empty for nothing.
func (c *Credential) Absent() string {
	texts := make([]string, len(c.Missing))
	for i, m := range c.Missing {
		texts[i] = m.Key + ": " + m.Message
	}
	return strings.Join(texts, "; ")
}

// OnFailure is a command to be told of a failure, and how long that must last.
type OnFailure struct {
	Command        []string
	After, Timeout time.Duration
}

// Sink is one place that receives values.
type Sink struct {
	Name  string
	Type  string
	Fleet string // empty for one that is written out
	Path  string // where it delivers to, for people: the path of a file
	File  string // the file it keeps; empty for a sink that is no file
	// Device is what Path lies on. Sinks of one device share a bound, and wait
	// for none of another.
	Device string
	// Needs names the credentials it shows, sorted.
	Needs []string
	// Target is a digest of its configuration: a different one is delivered again.
	Target string
	Sink   credential.Sink
	Hook   credential.Hook // nil when there is none
	// Together names the sinks whose hooks are one command; empty for a hook that
	// runs by itself.
	Together string
	// Guard sees what others did to the target; nil when it cannot.
	Guard Guard
	Hash  Hash
}

// Place says where the value of one configuration key stands.
type Place struct {
	Table string // "providers.vault"
	Key   string // below the table: "client_secret", "author.certificate.file"
	Where string // a file, FILE:LINE of the configuration, or what else holds it
}

// Guard compares a target with what it should hold. It changes nothing.
type Guard interface {
	// Values returns digests of what the sink shows for the set, by name, so
	// that older values of ours are known again.
	Values(set credential.Set) (map[string]string, error)
	// Inspect says what the target holds in place of the set. Issued tells
	// whether a digest under a name is one of ours.
	Inspect(ctx context.Context, set credential.Set, issued func(name, digest string) bool) (Drift, error)
}

// Drift is what a target holds.
type Drift uint8

// The drifts.
const (
	InPlace Drift = iota // what it should
	Lost                 // nothing, something empty, or an older value of ours: to be repaired
	Foreign              // a value that nobody here issued: to be left, and reported
)
