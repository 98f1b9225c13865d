package schedule

import (
	"testing"

	"github.com/vigented/vigente/credential"
)

// TestNoOtherFailureTakesARefusalBack: a refused secret stays refused if a manual
// renewal then fails for another reason, local or in the network. Otherwise it would
// be sent again and again.
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
