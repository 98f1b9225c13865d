package config

import (
	"path/filepath"
	"testing"
)

// TestSocketIsFoundWithoutTheTables puts the keys that commands need in all
// possible positions, among tables that cannot be decoded.
func TestSocketIsFoundWithoutTheTables(t *testing.T) {
	const junk = "[credentials.a]\nprovider = 5\nnonsense = [[1], {}]\n[credentials.a.b]\nx = \"[daemon]\"\n[[sinks]]\n"
	for name, files := range map[string]map[string]string{
		"first":    {"c.toml": "[daemon]\ncontrol_socket = \"/s\"\n" + junk},
		"last":     {"c.toml": junk + "  [ daemon ] # here\ncontrol_socket = \"/s\"\n"},
		"inline":   {"c.toml": "daemon = { control_socket = \"/s\" }\n" + junk},
		"dotted":   {"c.toml": "daemon.control_socket = \"/s\"\n" + junk},
		"included": {"c.toml": "include = [\n  \"d/*.toml\",\n]\n" + junk, "d/a.toml": junk + "[daemon]\ncontrol_socket = \"/s\"\n"},
	} {
		dir := write(t, files)
		c, _ := Load(filepath.Join(dir, "c.toml"), Options{SocketOnly: true})
		if c.Daemon.ControlSocket != "/s" || len(c.Credentials)+len(c.Sinks) > 0 {
			t.Errorf("%s: got socket %q and %d credentials, want /s and none", name, c.Daemon.ControlSocket, len(c.Credentials))
		}
	}
}
