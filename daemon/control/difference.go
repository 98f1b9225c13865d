package control

import "time"

// Difference is what a configuration would change compared with the running one.
// Its JSON form is public: fields may be added, but not changed. It contains no
// secret.
type Difference struct {
	Format int       `json:"format"`
	At     time.Time `json:"at"`
	// Faults are the mistakes in the configuration, one per line. If there are
	// any, the other fields are empty.
	Faults []string `json:"faults,omitempty"`
	// Restart lists changes that require a restart. Some of them make a reload
	// fail.
	Restart     []SettingChange    `json:"restart"`
	Settings    []SettingChange    `json:"settings"`
	Providers   []ProviderChange   `json:"providers"`
	Credentials []CredentialChange `json:"credentials"`
	Sinks       []SinkChange       `json:"sinks"`
}

// Action is what happens to an object of the configuration.
type Action string

// The actions. An unchanged object is listed if changes of others affect it.
const (
	Added   Action = "added"
	Removed Action = "removed"
	Changed Action = "changed"
	Kept    Action = "kept"
)

// SettingChange is a change of one of the daemon's own keys.
type SettingChange struct {
	Key string `json:"key"`
	Was string `json:"was"`
	Is  string `json:"is"`
	// Refused reports that a reload is refused because of this change.
	Refused bool `json:"refused,omitempty"`
}

// ProviderChange is a change of one provider.
type ProviderChange struct {
	Name   string   `json:"name"`
	Action Action   `json:"action"`
	Keys   []string `json:"keys"` // that differ
}

// CredentialChange is a change of one credential.
type CredentialChange struct {
	Name   string   `json:"name"`
	Action Action   `json:"action"`
	Keys   []string `json:"keys"` // that differ
	// Renewed is the reason for its renewal: new, identity or inputs; empty if
	// it is not renewed.
	Renewed string `json:"renewed"`
	// NextWas and NextIs are the times of its next attempt without and with the change.
	NextWas *time.Time `json:"next_was"`
	NextIs  *time.Time `json:"next_is"`
	Why     string     `json:"why"`
}

// Retimed reports whether it is rescheduled without being renewed.
func (c CredentialChange) Retimed() bool {
	if c.Renewed != "" || c.NextWas == nil || c.NextIs == nil {
		return false
	}
	return !c.NextWas.Equal(*c.NextIs)
}

// SinkChange is a change of one sink.
type SinkChange struct {
	Name   string   `json:"name"`
	Path   string   `json:"path"`
	Action Action   `json:"action"`
	Keys   []string `json:"keys"` // that differ
	// Rewritten reports that the file is written at once with the current values.
	// After lists the credentials whose renewal changes it, Missing those that
	// have no value yet.
	Rewritten bool     `json:"rewritten"`
	After     []string `json:"after"`
	Missing   []string `json:"missing"`
	// Hook reports that its command runs after the change.
	Hook bool `json:"hook"`
	// LeftBehind is its previous file, which keeps its content.
	LeftBehind string `json:"left_behind"`
	// Problem tells why it could not be written.
	Problem string `json:"problem"`
}

// Nothing reports whether a reload would change nothing.
func (d Difference) Nothing() bool {
	return len(d.Restart)+len(d.Settings)+len(d.Providers)+len(d.Credentials)+len(d.Sinks) == 0
}
