package store

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// smallRecord resembles the record of a credential with a short token: two attempts and
// their times.
func smallRecord(n int) schedule.Record {
	at := time.Date(2026, 11, 30, 5, 0, n%60, n, time.UTC)
	attempt := schedule.Attempt{At: at, Took: 12 * time.Millisecond, Outcome: schedule.Renewed}
	return schedule.Record{
		Past: schedule.Past{AttemptAt: at, PlannedAt: at, History: schedule.HistoryOf(attempt, attempt)},
		Part: schedule.Token{
			Credential: credential.Credential{
				Generation: uint64(n), IssuedAt: at, ExpiresAt: at,
				Values: map[string]credential.Secret{"access_token": credential.NewSecret(strings.Repeat("x", 40))},
			},
			Revision: uint64(n), ObtainedAt: at, Identity: strings.Repeat("i", 32), Inputs: strings.Repeat("d", 32),
		},
	}
}

// BenchmarkSave saves each record of a state of a hundred thousand twice. It shows how much
// concurrent callers gain over one, and the CPU time per record.
func BenchmarkSave(b *testing.B) {
	for _, crowd := range []int{1, 64, 256} {
		for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {1}} {
			b.Run(fmt.Sprintf("%s/callers=%d", name, crowd), func(b *testing.B) {
				s := open(b, b.TempDir(), key)
				work := make(chan int, crowd)
				var all sync.WaitGroup
				for range crowd {
					all.Go(func() {
						for i := range work {
							if err := s.Save(b.Context(), schedule.Key{Name: fmt.Sprint("task-", i%100_000)}, smallRecord(i)); err != nil {
								b.Error(err)
							}
						}
					})
				}
				before, used := s.commits, processorTime(b)
				for i := 0; b.Loop(); i++ {
					work <- i
				}
				close(work)
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "saves/s")
				b.ReportMetric(float64(b.N)/float64(s.commits-before), "saves/commit")
				b.ReportMetric(float64((processorTime(b)-used).Microseconds())/float64(b.N), "cpu-us/save")
			})
		}
	}
}

func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkOpen reads, checks and opens states whose records were each saved twice, and
// reports the memory of the open store.
func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {1}} {
			b.Run(fmt.Sprintf("%s/records=%d", name, n), func(b *testing.B) {
				dir := b.TempDir()
				s := open(b, dir, key)
				var all sync.WaitGroup
				for part := range 100 {
					all.Go(func() {
						for i := range 2 * n / 100 {
							if err := s.Save(b.Context(), schedule.Key{Name: fmt.Sprint("task-", part, "-", i%(n/100))}, smallRecord(i)); err != nil {
								b.Error(err)
							}
						}
					})
				}
				all.Wait()
				shut(b, s)
				for b.Loop() {
					s, err := Open(dir, Options{Key: key})
					if err != nil {
						b.Fatal(err)
					}
					if state, err := s.Load(); err != nil || len(state.Records) != n {
						b.Fatal(len(state.Records), err)
					}
					b.StopTimer()
					b.ReportMetric(float64(heap()), "heap-open-B")
					shut(b, s)
					b.ReportMetric(float64(s.log.end.at), "file-B")
					b.StartTimer()
				}
			})
		}
	}
}

// heap returns the bytes in use after a garbage collection.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
