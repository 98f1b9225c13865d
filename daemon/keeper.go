package daemon

import (
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
)

// memory hands a stored state to the board.
func memory(s store.State) schedule.Memory {
	return schedule.Memory{Records: s.Records, Providers: s.Providers}
}

// stateKey is the key that seals the state, nil when it is not sealed.
func stateKey(cfg *config.Config) *[32]byte {
	if cfg.Daemon.StateKey.IsZero() {
		return nil
	}
	key := [32]byte([]byte(cfg.Daemon.StateKey.Reveal()))
	return &key
}
