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

// longestSocket is how long the file name of a socket may be. The system's limit, 107
// bytes, is on the whole address, of which a long folder takes some 20.
const longestSocket = 80

// DefaultStateDir returns the default folder of the state: the one from
// systemd, the system's for root, or the user's own.
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
	return "", errors.New("is missing and neither $HOME nor $XDG_STATE_HOME says where to keep the state (expected a folder)")
}

// DefaultSocket returns where the daemon listens by default.
func DefaultSocket(stateDir string, opt Options) string {
	if dir := firstDir(opt.getenv("RUNTIME_DIRECTORY")); dir != "" {
		return filepath.Join(dir, socketName)
	}
	return filepath.Join(stateDir, socketName)
}

// ClientSocket returns where a command looks for the daemon. c may be nil or
// faulty, because ordinary users may not be able to read the configuration.
func ClientSocket(c *Config, opt Options) string { return clientSocket(c, opt, mayExist) }

// mayExist reports whether a path exists, or is in a folder that this user
// cannot search.
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

// firstDir returns the first folder of a colon-separated list from systemd.
func firstDir(list string) string {
	first, _, _ := strings.Cut(list, ":")
	return first
}
