package emulation

import (
	"io"
	"net/http"
)

// Fault is one way in which an emulated backend can fail. C is what the
// emulator knows of a request. It is an alias, so that lists need no keys.
type Fault[C any] = struct {
	Name, Help string
	// Answer writes the whole answer. It is nil for a fault that the emulator
	// acts on while it makes the ordinary answer.
	Answer func(C)
}

// Faults are those of an emulator. Of several that are pending, the first in
// this order is met first.
type Faults[C any] []Fault[C]

// Switches lists the faults for people.
func (l Faults[C]) Switches() []FaultSwitch {
	out := make([]FaultSwitch, len(l))
	for i, f := range l {
		out[i] = FaultSwitch{Name: f.Name, Help: f.Help}
	}
	return out
}

// Names yields the names in order.
func (l Faults[C]) Names(yield func(string) bool) {
	for _, f := range l {
		if !yield(f.Name) {
			return
		}
	}
}

// Answer writes the answer of the named fault to w, which c writes to as well,
// and reports whether it wrote one. An unknown name is answered with 400.
func (l Faults[C]) Answer(w http.ResponseWriter, name string, c C) bool {
	if name == "" {
		return false
	}
	for _, f := range l {
		if f.Name == name {
			if f.Answer != nil {
				f.Answer(c)
			}
			return f.Answer != nil
		}
	}
	http.Error(w, "there is no fault with this name", http.StatusBadRequest)
	return true
}

// Body reads the whole body of a request. It must be called first: a server
// notices that a caller has left only after that.
func Body(r *http.Request) []byte {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		Drop()
	}
	return body
}
