package engine

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/vigented/vigente/internal/needs"
)

// TestWorlds plays a world a seed, always the same two thousand, or ten thousand
// where long searches are wanted; VIGENTE_WORLDS=n plays n of them (make worlds). A seed that breaks a law is printed, and
// VIGENTE_WORLD=seed go test -v -run TestWorlds ./daemon/engine tells its story.
func TestWorlds(t *testing.T) {
	if seed, err := strconv.ParseUint(os.Getenv("VIGENTE_WORLD"), 10, 64); err == nil {
		w := newWorld(natureOf(seed))
		w.tracing = true
		w.run()
		t.Logf("%s\n%d turns, %d attempts\nbroken: %s", strings.Join(w.trace, "\n"), w.turns, w.attempts, w.laws.broken)
		if w.laws.broken != "" {
			t.Fail()
		}
		return
	}
	count := uint64(2000)
	if needs.Long() {
		count = 10_000
	}
	if needs.Race {
		count = 500
	}
	if n, err := strconv.ParseUint(os.Getenv("VIGENTE_WORLDS"), 10, 64); err == nil {
		count = n
	}
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // a world is soon over
	var next, broken, attempts, turns, again atomic.Uint64
	var all sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		all.Go(func() {
			for seed := next.Add(1) - 1; seed < count; seed = next.Add(1) - 1 {
				if seed > 0 && seed%20_000 == 0 {
					t.Logf("%d worlds, %d broken", seed, broken.Load())
				}
				w := newWorld(natureOf(seed))
				w.run()
				attempts.Add(uint64(w.attempts))
				turns.Add(uint64(w.turns))
				again.Add(uint64(w.laws.shownAgain))
				if w.laws.broken != "" && broken.Add(1) < 20 {
					t.Errorf("VIGENTE_WORLD=%d: %s", seed, w.laws.broken)
				}
			}
		})
	}
	all.Wait()
	if count >= 500 && again.Load() == 0 {
		t.Error("no spent seed was ever shown again, as it may be when a token is about to end: is the law at work?")
	}
	t.Logf("%d worlds, %d broken, %d attempts in %d turns, %d spent seeds shown when a token was about to end", count, broken.Load(), attempts.Load(), turns.Load(), again.Load())
}
