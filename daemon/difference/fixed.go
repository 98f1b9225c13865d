package difference

import (
	"slices"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/config"
)

// Fixed returns the changed keys that take effect only after a restart.
func Fixed(was, is *config.Config) []FixedKey {
	keys := fixedCluster(was.Cluster, is.Cluster)
	d, now := was.Daemon, is.Daemon
	if d.StateDir != now.StateDir {
		keys = append(keys, FixedKey{"daemon", "state_dir", d.StateDir, now.StateDir, "moves its state"})
	}
	if d.ControlSocket != now.ControlSocket {
		keys = append(keys, FixedKey{"daemon", "control_socket", d.ControlSocket, now.ControlSocket, "moves its socket"})
	}
	if !d.StateKey.Equal(now.StateKey) {
		was, is := hidden(d.StateKey, now.StateKey, "key")
		keys = append(keys, FixedKey{"daemon", "state_key", was, is, "changes the sealing of its state"})
	}
	return keys
}

// FixedKey is one key with its old and new value, for people, and what a restart
// does.
type FixedKey struct{ Table, Key, Was, Is, Does string }

// fixedCluster compares all of [cluster] but tls, whose files are read again.
func fixedCluster(was, is config.Cluster) []FixedKey {
	if len(was.Endpoints) == 0 && len(is.Endpoints) == 0 {
		return nil
	}
	var keys []FixedKey
	fixed := func(key, was, is string) {
		if was != is {
			keys = append(keys, FixedKey{"cluster", key, was, is, "connects this machine again"})
		}
	}
	fixed("endpoints", list(was.Endpoints), list(is.Endpoints))
	if len(was.Endpoints) == 0 || len(is.Endpoints) == 0 {
		return keys // it joins or leaves: the rest is no change of a key
	}
	fixed("prefix", was.Prefix, is.Prefix)
	fixed("node", was.Node, is.Node)
	fixed("alone", was.Alone, is.Alone)
	fixed("username", was.Username, is.Username)
	if !was.Password.Equal(is.Password) {
		before, now := hidden(was.Password, is.Password, "password")
		fixed("password", before, now)
	}
	if was.Key != is.Key {
		fixed("key", "a key", "another key")
	}
	if !slices.Equal(was.OldKeys, is.OldKeys) {
		fixed("old_keys", "some keys", "other keys")
	}
	return keys
}

func list(endpoints []string) string {
	if len(endpoints) == 0 {
		return "none"
	}
	return strings.Join(endpoints, ", ")
}

// hidden says of a secret that changed only whether there was and is one.
func hidden(was, is credential.Secret, name string) (before, now string) {
	before, now = "a "+name, "another "+name
	if was.IsZero() {
		before, now = "none", "a "+name
	}
	if is.IsZero() {
		now = "none"
	}
	return before, now
}
