package clustertest

import "testing"

// The checker detects a call that starts beside another one, and one with an old seed.
func TestTheJudgeRefutesDoubleCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more   func(h *History)
		linear bool
	}{
		"a commit and its call":          {func(h *History) { h.Commit(6, "2", 2) }, true},
		"a login after a lost answer":    {func(h *History) { h.Begin(6, 7, "3", 1, true) }, true},
		"a second call beside the first": {func(h *History) { h.Begin(6, 7, "3", 1, false) }, false},
		"an old seed":                    {func(h *History) { h.Begin(6, 7, "3", 0, false) }, false},
		"a seed that is not there yet":   {func(h *History) { h.Commit(8, "2", 2); h.Begin(6, 7, "3", 2, false) }, false},
	} {
		h := &History{}
		h.Begin(1, 2, "1", 0, false)
		h.Commit(3, "1", 1)
		h.Begin(4, 5, "2", 1, false)
		c.more(h)
		if got := h.Linear(); got != c.linear {
			t.Errorf("%s: linear is %v, want %v", name, got, c.linear)
		}
	}
}
