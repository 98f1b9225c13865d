package daemon

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/sinks"
)

// memory hands a stored state to the board. What was delivered to a place that
// ended with the last process is not there any more.
func memory(added []*plan.Sink, s store.State) schedule.Memory {
	for _, sink := range added {
		if v, ok := sink.Sink.(sinks.Volatile); ok && v.Volatile() {
			delete(s.Records, schedule.Key{Kind: schedule.Delivering, Name: sink.Name})
		}
	}
	return schedule.Memory{Records: s.Records, Providers: s.Providers}
}

// openState opens the state and reads all of it. A damaged file is no reason to
// let every token lapse until somebody comes: it is set aside, untouched, and
// the daemon begins afresh, which renews every credential once.
func openState(cfg *config.Config, log *zap.Logger) (*store.Store, store.State, error) {
	dir := cfg.Daemon.StateDir
	opt := store.Options{Key: cfg.Daemon.Key(), Warn: func(path, message string) {
		log.Warn("state closed to other users", zap.String("file", path), zap.String("detail", message))
	}}
	s, state, err := openAndLoad(dir, opt)
	broken, ok := errors.AsType[*store.DamagedError](err)
	if !ok {
		return s, state, err
	}
	to, err := store.SetAside(dir)
	if err != nil {
		return nil, store.State{}, errors.Join(broken, err)
	}
	log.Error("state set aside", zap.String("reason", broken.Err.Error()), zap.String("file", to),
		zap.String("detail", "a new state was begun, so every credential is renewed once; the file is kept as it was"))
	return openAndLoad(dir, opt)
}

func openAndLoad(dir string, opt store.Options) (*store.Store, store.State, error) {
	s, err := store.Open(dir, opt)
	if err != nil {
		return nil, store.State{}, err
	}
	state, err := s.Load()
	if err != nil {
		return nil, store.State{}, errors.Join(err, s.Close(context.Background()))
	}
	return s, state, nil
}
