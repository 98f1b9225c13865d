package schedule

import (
	"testing"

	"github.com/vigented/vigente/daemon/credential"
)

// TestLocalFailureTakesNoRefusalBack: a refused secret stays refused when
// somebody asks for a renewal that then fails on this machine, before any call.
func TestLocalFailureTakesNoRefusalBack(t *testing.T) {
	task := obtaining("a", inputs("1"))
	local := Result{At: after(day), End: after(day), Fault: &credential.Fault{Reason: credential.ReasonInternal}}
	r := Advance(task, Begin(Record{}, instant0), refused(instant0, credential.ReasonRejected), 1)
	if r = Advance(task, r, local, 1); !r.Past.Parked {
		t.Error("a preflight that failed frees a credential whose secret was refused")
	}
	if r = Advance(obtaining("a", inputs("2")), r, local, 1); r.Past.Parked {
		t.Error("a changed secret stays parked after a preflight that failed")
	}
}
