package schedule

import (
	"fmt"
	"syscall"
	"testing"
	"time"
)

// fleet returns a working board: n credentials, all obtained and spread over an
// hour, one sink each, and a rate that is never reached.
type fleet struct {
	b    *Board
	now  time.Time
	wake time.Time
}

func newFleet(b *testing.B, n int) *fleet {
	b.Helper()
	f := &fleet{b: New(1), now: instant0}
	tasks := make([]*Task, 0, 2*n)
	memory := Memory{Records: make(map[Key]Record, 2*n)}
	for i := range n {
		text := fmt.Sprintf("n%06d", i)
		c, s := obtaining(text, jitter(Margin{Share: 0.05})), delivering(text, text)
		begun := instant0.Add(-time.Duration(i) * 30 * time.Minute / time.Duration(n))
		r := Advance(c, Record{}, answered(begun, token("first", begun.Add(time.Hour))), 1)
		for len(r.Past.History) < historyLength {
			r.Past.History = append(r.Past.History, r.Past.History[0]) // as after a few rounds
		}
		memory.Records[c.Key] = r
		memory.Records[s.Key] = Record{Part: Delivery{Target: s.Target, Delivered: Marks{{text, Mark{1, 1}}}}}
		tasks = append(tasks, c, s)
	}
	groups := append(localGroups(), provider("p", 64, Rate{1_000_000, time.Second}))
	f.b.install(f.now, groups, tasks, memory)
	_, f.wake = f.b.Due(f.now)
	return f
}

// step jumps to the next instant and completes everything due then: in this fleet
// one renewal and its delivery, that is two starts and two ends. It returns how many
// credentials were obtained.
func (f *fleet) step() (obtained int) {
	f.now = f.wake
	for {
		starts, wake := f.b.Due(f.now)
		f.wake = wake
		if len(starts) == 0 {
			return obtained
		}
		for _, s := range starts {
			res := Result{At: f.now, End: f.now, Called: true}
			if s.Task.Kind == Obtaining {
				obtained++
				res.Token = token("next", f.now.Add(time.Hour))
				res.Token.Values["token"] = s.Record.Token().Values["token"]
			} else {
				_, mark := f.b.Token(s.Task.Needs[0])
				res.Delivered, res.Changed = Marks{{s.Task.Needs[0], mark}}, true
			}
			f.b.Fold(f.now, s, Advance(s.Task, s.Record, res, 1), res)
		}
	}
}

// spent returns the CPU time of this process, which other load on the machine affects
// less than wall time.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkStep measures a renewal with its delivery, including the new records. The
// cost may grow with log n at most: from 100 to 100,000 tasks by a factor of 2.5,
// plus the effect of CPU caches. Compare the cpu-ns/renewal within one run only:
//
//	go test -run '^$' -bench Step -count 5 ./daemon/schedule
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{100, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := newFleet(b, n)
			obtained, begun := 0, spent(b)
			b.ReportAllocs()
			for b.Loop() {
				if obtained == 0 {
					begun = spent(b) // the fleet is not measured
				}
				obtained += f.step()
			}
			if obtained < b.N {
				b.Fatalf("%d steps obtained %d credentials", b.N, obtained)
			}
			b.ReportMetric(float64(spent(b)-begun)/float64(obtained), "cpu-ns/renewal")
		})
	}
}

// BenchmarkInstall measures a reload without changes, per task.
func BenchmarkInstall(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			f := newFleet(b, n)
			var tasks []*Task
			for _, e := range f.b.entries {
				tasks = append(tasks, e.task)
			}
			groups := append(localGroups(), provider("p", 64, Rate{1_000_000, time.Second}))
			for b.Loop() {
				if removed := f.b.install(f.now, groups, tasks, Memory{}); len(removed) > 0 {
					b.Fatal(removed)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(tasks)), "ns/task")
		})
	}
}
