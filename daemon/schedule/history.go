package schedule

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
)

// History holds attempts, oldest first. Every credential has one for as long as the
// daemon runs, so an attempt takes 32 bytes here in place of the 80 of an Attempt. In
// JSON it is a list of Attempts.
type History []historyLine

type historyLine struct {
	second       int64
	nano         int32
	outcome      uint8 // index into outcomes, or zero for that of other
	afterUnknown bool
	took         time.Duration
	other        *otherOutcome // nil after a success
}

// otherOutcome is what an attempt has that did not succeed.
type otherOutcome struct {
	outcome Outcome
	reason  credential.Reason
	message string
}

var outcomes = [...]Outcome{"", Renewed, Unchanged}

// HistoryOf returns the history of these attempts.
func HistoryOf(attempts ...Attempt) History {
	if len(attempts) == 0 {
		return nil
	}
	h := make(History, len(attempts))
	for i, a := range attempts {
		h[i] = lineOf(a)
	}
	return h
}

func lineOf(a Attempt) historyLine {
	at := a.At.UTC()
	if y := at.Year(); y < 0 || y > 9999 {
		at = time.Time{} // JSON cannot express it
	}
	l := historyLine{took: a.Took, afterUnknown: a.AfterUnknown}
	l.second, l.nano = pack(at)
	if i := slices.Index(outcomes[:], a.Outcome); i > 0 && a.Reason == "" && a.Message == "" {
		l.outcome = uint8(i) //nolint:gosec // of three
	} else {
		l.other = &otherOutcome{a.Outcome, a.Reason, a.Message}
	}
	return l
}

// Attempts returns the attempts, oldest first.
func (h History) Attempts() []Attempt {
	if len(h) == 0 {
		return nil
	}
	list := make([]Attempt, len(h))
	for i := range h {
		list[i] = h[i].attempt()
	}
	return list
}

// Last returns the last attempt, or the zero value.
func (h History) Last() Attempt {
	if len(h) == 0 {
		return Attempt{}
	}
	return h[len(h)-1].attempt()
}

func (l *historyLine) attempt() Attempt {
	a := Attempt{At: unpack(l.second, l.nano), Took: l.took, Outcome: outcomes[l.outcome], AfterUnknown: l.afterUnknown}
	if o := l.other; o != nil {
		a.Outcome, a.Reason, a.Message = o.outcome, o.reason, o.message
	}
	return a
}

// with returns a copy with one more attempt, limited to historyLength.
func (h History) with(a Attempt) History {
	keep := h[max(0, len(h)-historyLength+1):]
	out := make(History, 0, len(keep)+1)
	return append(append(out, keep...), lineOf(a))
}

// movedBack returns a copy whose oldest attempts, as many as given, are earlier.
func (h History) movedBack(attempts int, by time.Duration) History {
	out := slices.Clone(h)
	for i := range attempts {
		a := h[i].attempt()
		back(&a.At, by)
		out[i] = lineOf(a)
	}
	return out
}

// MarshalJSON implements json.Marshaler.
func (h History) MarshalJSON() ([]byte, error) { return json.Marshal(h.Attempts()) }

// UnmarshalJSON implements json.Unmarshaler.
func (h *History) UnmarshalJSON(text []byte) error {
	var list []Attempt
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	*h = HistoryOf(list...)
	return nil
}
