package eventlog

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// reminder is the longest silence about a continuing cause.
const reminder = time.Hour

// repeats counts the failures of one object with one cause.
type repeats struct {
	reason    credential.Reason
	parked    bool
	count     int
	writtenAt time.Time // start of the last attempt that was logged
}

// count returns how often this cause occurred in a row, and whether this time
// is logged: the first, second, fourth, eighth and so on, and at least once an
// hour. Every success and panic is logged.
func (r *Reporter) count(o engine.Outcome) (count int, due bool) {
	key := task{o.Kind, o.Name}
	r.mu.Lock()
	defer r.mu.Unlock()
	if o.Result != schedule.Failed {
		delete(r.series, key)
		return 0, true
	}
	s := r.series[key]
	if s == nil || s.reason != reason(o) || s.parked != o.Parked {
		s = &repeats{reason: reason(o), parked: o.Parked}
		r.series[key] = s
	}
	s.count++
	if !powerOfTwo(s.count) && !o.Panicked && o.StartedAt.Sub(s.writtenAt) < reminder {
		return s.count, false
	}
	s.writtenAt = o.StartedAt
	return s.count, true
}

func powerOfTwo(n int) bool { return n&(n-1) == 0 }
