package watch

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// answerWithin is how long one file may take to be looked at. A disk that takes
// longer is taken for one that hangs: a file server that is away.
const answerWithin = time.Second

// disks asks about files so that a disk that hangs holds up no other: the
// folder whose file did not answer is left alone until it does.
type disks struct {
	mu      sync.Mutex
	hanging map[string]int // by folder, the questions without an answer
}

func newDisks() *disks { return &disks{hanging: map[string]int{}} }

func (p *disks) hangs(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hanging[filepath.Dir(name)] > 0
}

func (p *disks) note(name string, more int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	folder := filepath.Dir(name)
	if p.hanging[folder] += more; p.hanging[folder] <= 0 {
		delete(p.hanging, folder)
	}
}

// ask returns what question answers about each file, without those that hang.
func ask[T any](p *disks, names []string, question func(name string) T) map[string]T {
	out := make(map[string]T, len(names))
	for len(names) > 0 {
		names = round(p, names, question, out)
	}
	return out
}

// round asks about the files in their order. It returns those that are left
// when one of them does not answer.
func round[T any](p *disks, names []string, question func(name string) T, out map[string]T) (rest []string) {
	type answer struct {
		name string
		text T
	}
	var left atomic.Bool // nobody waits for the answers any more
	answers := make(chan answer)
	gone := make(chan struct{})
	open := make([]string, 0, len(names))
	for _, name := range names {
		if !p.hangs(name) {
			open = append(open, name)
		}
	}
	go func() {
		for _, name := range open {
			a := answer{name, question(name)}
			select {
			case answers <- a:
			case <-gone:
			}
			if left.Load() {
				p.note(name, -1)
				return
			}
		}
	}()
	limit := time.NewTimer(answerWithin)
	defer limit.Stop()
	for i := range open {
		limit.Reset(answerWithin)
		select {
		case a := <-answers:
			out[a.name] = a.text
		case <-limit.C:
			p.note(open[i], 1)
			left.Store(true)
			close(gone)
			return open[i+1:]
		}
	}
	return nil
}
