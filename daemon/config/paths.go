package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	socketName    = "control.sock"
	systemSocket  = "/run/vigente/control.sock"
	systemState   = "/var/lib/vigente"
	stateBelow    = "vigente"
	stateBelowEnv = "XDG_STATE_HOME"
)

// DefaultStateDir returns where the state lies when the configuration does not
// say: what systemd hands over, the system's place for root, the user's own
// for anybody else.
func DefaultStateDir(opt Options) (string, error) {
	if dir := firstDir(opt.getenv("STATE_DIRECTORY")); dir != "" {
		return dir, nil
	}
	if opt.UID == 0 {
		return systemState, nil
	}
	if dir := opt.getenv(stateBelowEnv); filepath.IsAbs(dir) {
		return filepath.Join(dir, stateBelow), nil
	}
	if home := opt.getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", stateBelow), nil
	}
	return "", errors.New("is missing and neither $HOME nor $XDG_STATE_HOME says where state lies (expected a folder)")
}

// DefaultSocket returns where the daemon listens when the configuration does
// not say.
func DefaultSocket(stateDir string, opt Options) string {
	if dir := firstDir(opt.getenv("RUNTIME_DIRECTORY")); dir != "" {
		return filepath.Join(dir, socketName)
	}
	return filepath.Join(stateDir, socketName)
}

// ClientSocket returns where a command looks for the daemon. The configuration
// may be nil or faulty: an ordinary user need not be able to read it.
func ClientSocket(c *Config, opt Options) string { return clientSocket(c, opt, mayExist) }

// mayExist reports whether a path is there; one in a folder that is closed to
// this user may be.
func mayExist(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func clientSocket(c *Config, opt Options, exists func(string) bool) string {
	if c != nil && c.Daemon.SocketChosen {
		return c.Daemon.ControlSocket
	}
	if dir := firstDir(opt.getenv("RUNTIME_DIRECTORY")); dir != "" {
		return filepath.Join(dir, socketName)
	}
	if exists(systemSocket) {
		return systemSocket
	}
	if c != nil && c.Daemon.StateDir != "" {
		return filepath.Join(c.Daemon.StateDir, socketName)
	}
	dir, err := DefaultStateDir(opt)
	if err != nil {
		return systemSocket
	}
	return filepath.Join(dir, socketName)
}

// firstDir returns the first of the folders that systemd lists with colons.
func firstDir(list string) string {
	first, _, _ := strings.Cut(list, ":")
	return first
}
