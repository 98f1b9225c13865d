package difference

import "github.com/vigented/vigente/daemon/config"

// Fixed returns the changed keys that take effect only after a restart.
func Fixed(was, now config.Daemon) []FixedKey {
	var keys []FixedKey
	if was.StateDir != now.StateDir {
		keys = append(keys, FixedKey{"state_dir", was.StateDir, now.StateDir, "its state"})
	}
	if was.ControlSocket != now.ControlSocket {
		keys = append(keys, FixedKey{"control_socket", was.ControlSocket, now.ControlSocket, "its socket"})
	}
	if !was.StateKey.Equal(now.StateKey) {
		is := sealed(now)
		if is == sealed(was) {
			is = "another key"
		}
		keys = append(keys, FixedKey{"state_key", sealed(was), is, "the sealing of its state"})
	}
	return keys
}

// FixedKey is one key of [daemon] with its old and new value, for people, and what a
// restart would change.
type FixedKey struct{ Key, Was, Is, What string }

// sealed says only whether a key is set, since the key itself is secret.
func sealed(d config.Daemon) string {
	if d.StateKey.IsZero() {
		return "none"
	}
	return "a key"
}
