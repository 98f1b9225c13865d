package daemon

import (
	"errors"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/sinks"
)

// memory converts a stored state for the board. It drops deliveries to places that
// ended with the last process.
func memory(added []*plan.Sink, s store.State) schedule.Memory {
	for _, sink := range added {
		if v, ok := sink.Sink.(sinks.Volatile); ok && v.Volatile() {
			delete(s.Records, schedule.Key{Kind: schedule.Delivering, Name: sink.Name})
		}
	}
	return schedule.Memory{Records: s.Records, Providers: s.Providers}
}

// openState opens the state and reads all of it.
func openState(cfg *config.Config, log *zap.Logger) (*store.Store, store.State, error) {
	opt := store.Options{Key: cfg.Daemon.Key(), Warn: func(path, message string) {
		log.Warn("state closed to other users", zap.String("file", path), zap.String("detail", message))
	}}
	return store.Begin(cfg.Daemon.StateDir, opt, func(reason error, to string) {
		log.Error("state set aside", zap.String("reason", reason.Error()), zap.String("file", to),
			zap.String("detail", "a new state was begun, so every credential is renewed once; the file is kept as it was"))
	})
}

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
		return Sealed{}, &load.ConfigError{Faults: faults}
	}
	key := cfg.Daemon.Key()
	if key == nil {
		return Sealed{}, errors.New("seal the state: daemon.state_key is not set")
	}
	n, err := store.Seal(cfg.Daemon.StateDir, key)
	return Sealed{cfg.Daemon.StateDir, n}, err
}
