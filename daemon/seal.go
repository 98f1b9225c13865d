package daemon

import (
	"errors"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/store"
)

// Sealed is what Seal did.
type Sealed struct {
	StateDir string
	Records  int
}

// Seal seals the existing state with daemon.state_key when an operator asks for it.
// The daemon must not be running.
func Seal(opt Options) (Sealed, error) {
	cfg, faults := config.Load(opt.ConfigPath, config.Options{Getenv: opt.Getenv, UID: opt.UID})
	if len(faults) > 0 {
		return Sealed{}, &ConfigError{Faults: faults}
	}
	key := cfg.Daemon.Key()
	if key == nil {
		return Sealed{}, errors.New("seal the state: daemon.state_key is not set")
	}
	n, err := store.Seal(cfg.Daemon.StateDir, key)
	return Sealed{cfg.Daemon.StateDir, n}, err
}
