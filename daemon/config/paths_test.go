package config

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestDefaultStateDir(t *testing.T) {
	for _, c := range []struct {
		uid  int
		env  []string
		want string
	}{
		{0, nil, "/var/lib/vigente"},
		{0, []string{"HOME", "/root", "XDG_STATE_HOME", "/x"}, "/var/lib/vigente"},
		{0, []string{"STATE_DIRECTORY", "/s:/t"}, "/s"},
		{7, []string{"STATE_DIRECTORY", "/s", "HOME", "/h"}, "/s"},
		{7, []string{"HOME", "/h", "XDG_STATE_HOME", "/x"}, "/x/vigente"},
		{7, []string{"HOME", "/h", "XDG_STATE_HOME", "relative"}, "/h/.local/state/vigente"},
		{7, []string{"HOME", "/h"}, "/h/.local/state/vigente"},
		{7, nil, ""},
	} {
		got, err := DefaultStateDir(Options{Getenv: environment(c.env...), UID: c.uid})
		if got != c.want || (err != nil) != (c.want == "") {
			t.Errorf("uid %d, %v: got %q, %v; want %q", c.uid, c.env, got, err, c.want)
		}
	}
	write(t, map[string]string{"c.toml": "# x\n"})
	_, faults := Load("c.toml", Options{Getenv: environment(), UID: 7})
	expect(t, faults, `c.toml:1: daemon.state_dir: is missing and neither $HOME nor $XDG_STATE_HOME says where to keep the state (expected a folder)`)
}

func TestSockets(t *testing.T) {
	chosen := &Config{Daemon: Daemon{StateDir: "/s", ControlSocket: "/c", SocketChosen: true}}
	other := &Config{Daemon: Daemon{StateDir: "/s", ControlSocket: "/s/control.sock"}}
	for _, c := range []struct {
		what string
		cfg  *Config
		env  []string
		want string
	}{
		{"the key wins", chosen, []string{"RUNTIME_DIRECTORY", "/r"}, "/c"},
		{"systemd's folder", other, []string{"RUNTIME_DIRECTORY", "/r:/q"}, "/r/control.sock"},
		{"the state's folder", other, nil, "/s/control.sock"},
		{"no configuration", nil, []string{"HOME", "/h"}, "/h/.local/state/vigente/control.sock"},
		{"nothing at all", nil, nil, systemSocket},
	} {
		opt := Options{Getenv: environment(c.env...), UID: 7}
		if got := clientSocket(c.cfg, opt, func(string) bool { return false }); got != c.want {
			t.Errorf("%s: got %s, want %s", c.what, got, c.want)
		}
		system := c.want
		if c.env == nil && c.cfg != chosen || c.what == "no configuration" {
			system = systemSocket
		}
		if got := clientSocket(c.cfg, opt, func(path string) bool { return path == systemSocket }); got != system {
			t.Errorf("%s, with a system daemon: got %s, want %s", c.what, got, system)
		}
	}
	if got := DefaultSocket("/s", options("RUNTIME_DIRECTORY", "/r")); got != "/r/control.sock" {
		t.Errorf("under systemd: got %s", got)
	}
	if got := DefaultSocket("/s", options()); got != "/s/control.sock" {
		t.Errorf("elsewhere: got %s", got)
	}
}

func TestMayExist(t *testing.T) {
	dir := t.TempDir()
	if !mayExist(dir) || mayExist(dir+"/gone") || mayExist(dir+"/gone/deeper") {
		t.Error("mayExist is wrong")
	}
	if ClientSocket(&Config{Daemon: Daemon{SocketChosen: true, ControlSocket: "/c"}}, options()) != "/c" {
		t.Error("ClientSocket ignores the key")
	}
}

// TestNameOfASocketIsBounded: what the system would refuse at the start is a fault.
func TestNameOfASocketIsBounded(t *testing.T) {
	for length, good := range map[int]bool{longestSocket: true, longestSocket + 1: false} {
		dir := write(t, map[string]string{"c.toml": "[daemon]\ncontrol_socket = \"" + strings.Repeat("d", 120) + "/" + strings.Repeat("s", length) + "\"\n"})
		_, faults := Load(filepath.Join(dir, "c.toml"), Options{})
		if good != (len(faults) == 0) {
			t.Errorf("%d characters: got faults %v", length, faults)
		}
	}
}
