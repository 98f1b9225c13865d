package eventlog

import (
	"io"
	"sync"
	"time"
)

// Limits of a queue.
const (
	queueBytes = 4 << 20 // of lines that wait for the reader
	syncTime   = 200 * time.Millisecond
)

// Queue writes the log without ever making the daemon wait for the reader.
// Lines are queued in memory. If the reader stalls and the queue is full, new
// lines are dropped and counted; once it reads again, one line says how many.
//
// It is a zapcore.WriteSyncer and safe for concurrent use. Its goroutine exists
// only while there is something to write.
type Queue struct {
	to  io.Writer
	say func(dropped uint64)

	mu      sync.Mutex
	waiting [][]byte
	bytes   int
	writing bool
	dropped uint64        // in total
	told    uint64        // how many of them the log has reported
	empty   chan struct{} // closed when everything is written; nil while nobody waits
}

// NewQueue returns a queue that writes to a writer. After lines were dropped
// and the writer works again, say is called with their number; it writes to the
// same writer and may block.
func NewQueue(to io.Writer, say func(dropped uint64)) *Queue {
	return &Queue{to: to, say: say}
}

// Write queues a line, or counts it as dropped. It never fails and never waits
// for the reader.
func (q *Queue) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.bytes+len(line) > queueBytes {
		q.dropped++
		return len(line), nil
	}
	q.waiting = append(q.waiting, append([]byte(nil), line...)) // zap reuses its buffer
	q.bytes += len(line)
	if !q.writing {
		q.writing = true
		go q.drain()
	}
	return len(line), nil
}

// drain writes until the queue is empty. A line that cannot be written is lost:
// there is nowhere else to report it.
func (q *Queue) drain() {
	for {
		batch, dropped := q.next()
		if batch == nil && dropped == 0 {
			return
		}
		for _, line := range batch {
			_, _ = q.to.Write(line)
			q.written(len(line))
		}
		if dropped > 0 {
			q.say(dropped)
		}
	}
}

// next returns the queued lines, and how many were dropped after them. If there
// are neither, the goroutine ends.
func (q *Queue) next() (batch [][]byte, dropped uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	batch, q.waiting = q.waiting, nil
	dropped, q.told = q.dropped-q.told, q.dropped
	if batch == nil && dropped == 0 {
		q.writing = false
		if q.empty != nil {
			close(q.empty)
			q.empty = nil
		}
	}
	return batch, dropped
}

func (q *Queue) written(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bytes -= n
}

// Dropped returns how many lines have been dropped.
func (q *Queue) Dropped() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

// Sync waits briefly until all lines are written: a stalled reader must not
// prevent the daemon from stopping.
func (q *Queue) Sync() error {
	q.mu.Lock()
	if !q.writing {
		q.mu.Unlock()
		return nil
	}
	if q.empty == nil {
		q.empty = make(chan struct{})
	}
	empty := q.empty
	q.mu.Unlock()
	patience := time.NewTimer(syncTime)
	defer patience.Stop()
	select {
	case <-empty:
	case <-patience.C:
	}
	return nil
}
