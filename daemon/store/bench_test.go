package store

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// BenchmarkSave saves records of two kilobytes into a state of a thousand.
// What counts is how much a crowd gains over one caller.
func BenchmarkSave(b *testing.B) {
	for _, crowd := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("callers=%d", crowd), func(b *testing.B) {
			s := open(b, b.TempDir(), &[32]byte{1})
			r := schedule.Record{Token: credential.Credential{Values: map[string]credential.Secret{
				"token": credential.NewSecret(strings.Repeat("x", 2<<10)),
			}}}
			work := make(chan int)
			var all sync.WaitGroup
			for range crowd {
				all.Go(func() {
					for i := range work {
						if err := s.Save(b.Context(), schedule.Key{Name: fmt.Sprint("task-", i%1000)}, r); err != nil {
							b.Error(err)
						}
					}
				})
			}
			before := s.commits
			for i := 0; b.Loop(); i++ {
				work <- i
			}
			close(work)
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "saves/s")
			b.ReportMetric(float64(b.N)/float64(s.commits-before), "saves/commit")
		})
	}
}

// BenchmarkOpen reads a state of ten thousand records, checks it and opens it.
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s := open(b, dir, nil)
	var all sync.WaitGroup
	for part := range 100 {
		all.Go(func() {
			for i := range 100 {
				if err := s.Save(b.Context(), schedule.Key{Name: fmt.Sprint("task-", part, "-", i)}, fullRecord()); err != nil {
					b.Error(err)
				}
			}
		})
	}
	all.Wait()
	shut(b, s)
	for b.Loop() {
		s, err := Open(dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if state, err := s.Load(); err != nil || len(state.Records) != 10_000 {
			b.Fatal(len(state.Records), err)
		}
		shut(b, s)
	}
}
