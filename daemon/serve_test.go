package daemon

import (
	"context"
	"testing"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/engine/enginetest"
)

// TestReadyIsToldOnce: Options.Ready is called once the engine is ready, and not when the
// daemon stops before.
func TestReadyIsToldOnce(t *testing.T) {
	told := 0
	d := &Daemon{engine: engine.New(engine.Options{Observer: enginetest.Deaf{}}), opt: Options{Ready: func() { told++ }}}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if d.tellReady(stopped); told != 0 {
		t.Errorf("called %d times before the engine is ready, want 0", told)
	}
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); d.engine.Run(ctx) }()
	if d.tellReady(t.Context()); told != 1 {
		t.Errorf("called %d times, want 1", told)
	}
	end()
	<-ended
}
