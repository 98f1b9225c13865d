package simulate

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// counted keeps the books of the calls one by one.
func counted(name string, days int, calls []time.Duration) RehearsedProvider {
	p := RehearsedProvider{Name: name, Calls: len(calls), Days: make([]int, days)}
	var minute []time.Duration
	for _, at := range calls {
		if i := int(at / day); i < days {
			p.Days[i]++
		}
		minute = append(slices.DeleteFunc(minute, func(old time.Duration) bool { return at-old >= time.Minute }), at)
		p.Busiest = max(p.Busiest, len(minute))
	}
	return p
}

func TestBooksKeptInStretches(t *testing.T) {
	const days = 2
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		callers := []*part{{}, {}, {}}
		l := &counter{RehearsedProvider: RehearsedProvider{Name: "p", Days: make([]int, days)}, callers: callers}
		var all []time.Duration
		at, until := time.Duration(0), time.Duration(0)
		for until < days*day {
			until = min(days*day, until+time.Duration(r.Int64N(int64([]time.Duration{10 * time.Second, time.Hour, day}[r.IntN(3)]))))
			for ; at <= until; at += time.Duration(r.IntN(60)*r.IntN(60)) * time.Second {
				c := callers[r.IntN(len(callers))]
				c.calls = append(c.calls, at)
				all = append(all, at)
			}
			l.enter(until)
		}
		want := counted("p", days, all)
		if got := l.RehearsedProvider; got.Calls != want.Calls || got.Busiest != want.Busiest || !slices.Equal(got.Days, want.Days) {
			t.Fatalf("seed %d: %+v, want %+v", seed, got, want)
		}
	}
}
