package kill

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

// TestKilledWhileSealing kills the command that replaces a plain state with a
// sealed one. Until that has happened, the key may also be removed again.
func TestKilledWhileSealing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		point string
		back  bool
	}{{"store rewrite built", false}, {"store rewrite built", true}, {"store rewrite placed", false}} {
		t.Run(fmt.Sprintf("%s, back is %t", c.point, c.back), func(t *testing.T) {
			l := newLife(t)
			sealed := l.text(true)
			_, clear, _ := strings.Cut(sealed, "\n")
			l.Configure(clear)
			l.launchAs(e2etest.Binary)
			l.Eventually("the life in clear has settled", l.settled)
			if code, _ := l.Stop(); code != 0 {
				t.Errorf("stop: got exit code %d, want 0", code)
			}
			l.Configure(sealed)
			l.Program, l.Environ = armed, []string{"VIGENTE_FAILPOINT=" + c.point}
			if code, _, errs := l.Run("seal"); code != -1 {
				t.Errorf("seal: got exit code %d, want it killed: %s", code, errs)
			}
			l.Program, l.Environ = e2etest.Binary, nil
			if c.back {
				l.key = nil
				l.Configure(clear)
			} else if code, out, errs := l.Run("seal"); code != 0 || !strings.Contains(out, "sealed ") {
				t.Errorf("seal: got exit code %d, want 0: %s%s", code, out, errs)
			}
			before := l.counts()
			l.launchAs(e2etest.Binary)
			l.Eventually("the life after the crash has settled", l.settled)
			if after := l.counts(); !maps.Equal(before, after) {
				t.Errorf("calls went from %v to %v, want no more calls", before, after)
			}
			l.checkTokens()
			l.nextRenewalUsesTheSeed()
			if code, _ := l.Stop(); code != 0 {
				t.Errorf("stop: got exit code %d, want 0", code)
			}
			l.checkCleanup()
			if shown := strings.Contains(l.Read("state/state.db"), l.backend.live("ana")); shown != c.back {
				t.Errorf("state contains a plain token: got %t, want %t", shown, c.back)
			}
			l.checkHooks(0)
		})
	}
}

func (l *life) counts() map[string]int {
	n := map[string]int{}
	for _, user := range []string{"ana", "bia"} {
		n[user] = len(l.backend.calls(user))
	}
	return n
}
