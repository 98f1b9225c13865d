package daemon

import (
	"context"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
)

type volatileSink bool

func (volatileSink) Deliver(context.Context, credential.Set) (bool, error) { return false, nil }

func (v volatileSink) Volatile() bool { return bool(v) }

// TestVolatileSinksHoldNothingAtAStart: their records belong to a process that has ended, and
// are dropped; others are kept.
func TestVolatileSinksHoldNothingAtAStart(t *testing.T) {
	key := func(name string) schedule.Key { return schedule.Key{Kind: schedule.Delivering, Name: name} }
	state := store.State{Records: map[schedule.Key]schedule.Record{key("gone"): {}, key("kept"): {}}}
	added := []*plan.Sink{{Name: "gone", Sink: volatileSink(true)}, {Name: "kept", Sink: volatileSink(false)}}
	records := memory(added, state).Records
	if _, kept := records[key("kept")]; len(records) != 1 || !kept {
		t.Errorf("left %v", records)
	}
}
