package schedule

import (
	"testing"

	"github.com/vigented/vigente/credential"
)

// TestNoOtherFailureTakesARefusalBack: a refused secret stays refused when
// somebody asks for a renewal that then fails for another reason, be it on this
// machine or on the way: it would be sent again otherwise, again and again.
func TestNoOtherFailureTakesARefusalBack(t *testing.T) {
	local := Result{At: after(day), End: after(day), Fault: &credential.Fault{Reason: credential.ReasonInternal}}
	for name, res := range map[string]Result{
		"preflight": local, "network": refused(after(day), credential.ReasonNetwork),
		"throttled": refused(after(day), credential.ReasonThrottled), "server": refused(after(day), credential.ReasonServer),
	} {
		task := obtaining("a", inputs("1"))
		r := Advance(task, Begin(Record{}, instant0), refused(instant0, credential.ReasonRejected), 1)
		if r = Advance(task, r, res, 1); !r.Past.Parked {
			t.Errorf("%s: frees a credential whose secret was refused", name)
		}
		if r = Advance(obtaining("a", inputs("2")), r, res, 1); r.Past.Parked {
			t.Errorf("%s: a changed secret stays parked", name)
		}
	}
}
