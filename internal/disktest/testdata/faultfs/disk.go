package main

import (
	"context"
	"encoding/json"
	"os"
	"strings"
	"sync"
	"syscall"
)

// entry is one line of the trace. The identity of a file is never reused.
type entry struct {
	Op   string `json:"op"`
	File string `json:"file,omitempty"`
	Dir  string `json:"dir,omitempty"`
	Name string `json:"name,omitempty"`
	To   string `json:"to,omitempty"`   // the folder of a rename's target
	As   string `json:"as,omitempty"`   // the name of a rename's target
	How  uint32 `json:"how,omitempty"`  // flags of a rename
	At   int64  `json:"at,omitempty"`   // offset, or size
	Data []byte `json:"data,omitempty"` // what was written
	Text string `json:"text,omitempty"` // of a mark
}

type rule struct {
	op, part string
	errno    syscall.Errno
	hang     bool
	spare    int // calls to let succeed first
}

func (r rule) fits(op, path string) bool {
	return (r.op == op || r.op == "any") && strings.Contains(path, r.part)
}

type disk struct {
	mu     sync.Mutex
	rules  []rule
	healed chan struct{}

	order sync.Mutex // held over a change and its line in the trace
	out   *json.Encoder
}

func newDisk(out *os.File) *disk {
	return &disk{healed: make(chan struct{}), out: json.NewEncoder(out)}
}

func (d *disk) add(r rule) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules = append(d.rules, r)
}

func (d *disk) heal() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rules = nil
	close(d.healed)
	d.healed = make(chan struct{})
}

// gate decides the result of a call before it is made, and blocks it while it
// is to hang. A process that is being killed is released.
func (d *disk) gate(ctx context.Context, op, path string) syscall.Errno {
	d.mu.Lock()
	var hit *rule
	for i := range d.rules {
		if d.rules[i].fits(op, path) {
			if d.rules[i].spare > 0 {
				d.rules[i].spare--
				continue
			}
			hit = &d.rules[i]
			break
		}
	}
	healed := d.healed
	d.mu.Unlock()
	switch {
	case hit == nil:
		return 0
	case !hit.hang:
		return hit.errno
	}
	select {
	case <-healed:
		return 0
	case <-ctx.Done():
		return syscall.EINTR
	}
}

// change makes a change and records it if it succeeded.
func (d *disk) change(e entry, make func() syscall.Errno) syscall.Errno {
	d.order.Lock()
	defer d.order.Unlock()
	errno := make()
	if errno == 0 {
		_ = d.out.Encode(e)
	}
	return errno
}

func (d *disk) mark(text string) {
	d.order.Lock()
	defer d.order.Unlock()
	_ = d.out.Encode(entry{Op: "mark", Text: text})
}
