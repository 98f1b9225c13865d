package config

import (
	"strings"
	"testing"
)

// TestBrokenFileStillNamesTheSocket: a command finds the running daemon
// although the main file is not valid TOML, and the faults remain syntax
// errors.
func TestBrokenFileStillNamesTheSocket(t *testing.T) {
	const places = "[ daemon ] # ours\r\n\tstate_dir = \"/s\"\r\ncontrol_socket = '/c.sock' # here\r\n"
	for what, c := range map[string]struct{ text, want string }{
		"at the end":         {places + "[log]\nlevel = \"info\n", "/c.sock"},
		"before":             {"\xef\xbb\xbfx = [\n" + places, "/c.sock"},
		"a header":           {"[log\n" + places + "[sinks.a]\ncontrol_socket = \"/wrong\"\n", "/c.sock"},
		"the table":          {"[daemon]\nlisten = \"\nstate_dir = \"/s\"\n", "/s/control.sock"},
		"the key":            {"[daemon]\nstate_dir = \"/s\"\ncontrol_socket = \"/c\n", "/s/control.sock"},
		"the key twice":      {"[daemon]\ncontrol_socket = \"/c\"\ncontrol_socket = \"/d\"\n[[[", "/h/.local/state/vigente/control.sock"},
		"another table":      {"[daemons]\ncontrol_socket = \"/c\"\n[[[", "/h/.local/state/vigente/control.sock"},
		"nothing to salvage": {"[[[", "/h/.local/state/vigente/control.sock"},
	} {
		write(t, map[string]string{"c.toml": c.text})
		opt := Options{Getenv: environment("HOME", "/h"), UID: 7}
		cfg, faults := Load("c.toml", opt)
		if got := clientSocket(cfg, opt, func(string) bool { return false }); got != c.want {
			t.Errorf("%s: got %s, want %s", what, got, c.want)
		}
		if last := len(faults) - 1; last < 0 || last > 0 && what != "the key twice" || !strings.Contains(faults[last].Error(), "expected valid TOML") {
			t.Errorf("%s: got faults %v", what, faults)
		}
	}
}
