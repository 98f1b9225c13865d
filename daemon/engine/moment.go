package engine

import (
	"math"
	"time"
)

// moment is an instant in nanoseconds since 1970, a third of the size of time.Time;
// zero means none. Instants after 2262 become lastMoment.
type moment int64

const lastMoment = moment(math.MaxInt64)

func momentOf(t time.Time) moment {
	switch {
	case t.IsZero():
		return 0
	case t.Unix() >= math.MaxInt64/int64(time.Second):
		return lastMoment
	}
	return moment(t.UnixNano())
}

func (m moment) time() time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.Unix(0, int64(m)).UTC()
}

// earlier returns the moment moved back, or zero for none.
func (m moment) earlier(by time.Duration) moment {
	if m == 0 {
		return 0
	}
	return m - moment(by)
}
