package control

import "time"

// Difference is what a configuration would change against the one that runs.
// It is told from outside as JSON: fields are added, never changed. No secret
// is in it.
type Difference struct {
	Format int       `json:"format"`
	At     time.Time `json:"at"`
	// Faults are what is wrong with the configuration, one a line; with any of
	// them the rest is empty.
	Faults []string `json:"faults,omitempty"`
	// Restart lists what only a restart changes; for some of it a reload is
	// refused as a whole.
	Restart     []SettingChange    `json:"restart"`
	Settings    []SettingChange    `json:"settings"`
	Providers   []ProviderChange   `json:"providers"`
	Credentials []CredentialChange `json:"credentials"`
	Sinks       []SinkChange       `json:"sinks"`
}

// Action is what happens to an object of the configuration.
type Action string

// The actions. An object that is kept is listed for what happens to it because
// of others.
const (
	Added   Action = "added"
	Removed Action = "removed"
	Changed Action = "changed"
	Kept    Action = "kept"
)

// SettingChange is one of the daemon's own keys.
type SettingChange struct {
	Key string `json:"key"`
	Was string `json:"was"`
	Is  string `json:"is"`
	// Refused says that a reload is refused while the key is another one.
	Refused bool `json:"refused,omitempty"`
}

// ProviderChange is one provider.
type ProviderChange struct {
	Name   string   `json:"name"`
	Action Action   `json:"action"`
	Keys   []string `json:"keys"` // that differ
}

// CredentialChange is one credential.
type CredentialChange struct {
	Name   string   `json:"name"`
	Action Action   `json:"action"`
	Keys   []string `json:"keys"` // that differ
	// Renewed is why it is renewed: new, identity or inputs; empty when it is
	// not.
	Renewed string `json:"renewed"`
	// NextWas and NextIs are its next attempt without and with the change.
	NextWas *time.Time `json:"next_was"`
	NextIs  *time.Time `json:"next_is"`
	Why     string     `json:"why"`
}

// Retimed reports whether its next attempt moves though it is not renewed.
func (c CredentialChange) Retimed() bool {
	if c.Renewed != "" || c.NextWas == nil || c.NextIs == nil {
		return false
	}
	return !c.NextWas.Equal(*c.NextIs)
}

// SinkChange is one sink.
type SinkChange struct {
	Name   string   `json:"name"`
	Path   string   `json:"path"`
	Action Action   `json:"action"`
	Keys   []string `json:"keys"` // that differ
	// Rewritten says that the file is changed with the values in hand, After
	// names the credentials whose renewal changes it, Missing those without
	// which it is not written.
	Rewritten bool     `json:"rewritten"`
	After     []string `json:"after"`
	Missing   []string `json:"missing"`
	// Hook says that its command runs after the change.
	Hook bool `json:"hook"`
	// LeftBehind is the file that it wrote so far and that stays as it is.
	LeftBehind string `json:"left_behind"`
	// Problem says what would keep it from being written.
	Problem string `json:"problem"`
}

// Nothing reports whether a reload would change nothing.
func (d Difference) Nothing() bool {
	return len(d.Restart)+len(d.Settings)+len(d.Providers)+len(d.Credentials)+len(d.Sinks) == 0
}
