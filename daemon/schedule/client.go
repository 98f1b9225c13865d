package schedule

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// A client that a backend refused, by its id and secret at one address, is
// refused for whoever shows the same: no further call begins with it until the
// secret is another one, or a person asks. Task.Client names it.

// settleClient folds what an answer says about the client of a task: a refusal
// parks every other credential that shows the same, and a success frees those
// that were parked for it.
func (b *Board) settleClient(s Start, res Result, now time.Time) {
	client := s.Task.More().Client
	switch {
	case client == "" || !res.Called:
	case res.Fault != nil && res.Fault.ClientRefused && res.Fault.Reason.Parks():
		b.refuseClient(s.Task, &Note{Reason: res.Fault.Reason, Message: res.Fault.Error(), At: res.End}, now)
	case res.Fault == nil && b.refused[client] != nil:
		b.freeClient(client, now)
	}
}

// learnClient is settleClient for a record that another machine has made: fresh
// says that it brings values that this board did not have.
func (b *Board) learnClient(e *entry, fresh bool, now time.Time) {
	p := &e.rec.Past
	switch client := e.task.More().Client; {
	case client == "" || otherInputs(e.task, e.rec):
	case p.Parked && p.ClientRefused && p.Last != nil:
		b.refuseClient(e.task, p.Last, now)
	case fresh && p.Last == nil && b.refused[client] != nil:
		b.freeClient(client, now)
	}
}

func (b *Board) refuseClient(t *Task, note *Note, now time.Time) {
	b.refused[t.More().Client] = note
	for _, e := range b.showing(t.More().Client) {
		if e.task.Key != t.Key {
			b.parkFor(e, note, now)
		}
	}
}

func (b *Board) freeClient(client string, now time.Time) {
	delete(b.refused, client)
	for _, e := range b.showing(client) {
		if e.rec.Past.ClientRefused && !e.running {
			r := e.edit()
			r.Past.Parked, r.Past.ClientRefused, r.Past.Last = false, false, nil
			b.moveOn(e, now)
		}
	}
}

// showing returns the credentials that show a client.
func (b *Board) showing(client string) (list []*entry) {
	for _, e := range b.entries {
		if e.task.More().Client == client && !e.gone {
			list = append(list, e)
		}
	}
	return list
}

// parkFor parks a credential whose client was refused elsewhere. What runs tells
// its own end, and what has other secrets by now is tried with them.
func (b *Board) parkFor(e *entry, note *Note, now time.Time) {
	if e.running || e.rec.Past.Parked || e.task.More().Absent != "" || otherInputs(e.task, e.rec) {
		return
	}
	r := e.edit()
	r.Past.Parked, r.Past.ClientRefused = true, true
	copied := *note
	r.Past.Last = &copied
	// From here on another secret is one.
	held := r.Token()
	held.Identity, held.Inputs = e.task.Identity, e.task.Inputs
	r.Part = held
	b.moveOn(e, now)
}

func (b *Board) moveOn(e *entry, now time.Time) {
	b.corrected[e.task.Key] = true
	b.replan(e, now)
	b.regate(e.group, now)
	b.touch(e, now)
}

// recallClients learns from records which clients were refused, and parks what
// is new and shows one of them.
func (b *Board) recallClients(taken []*entry, now time.Time) {
	for _, e := range taken {
		if c := e.task.More().Client; c != "" && e.rec.Past.ClientRefused && e.rec.Past.Parked && e.rec.Past.Last != nil && !otherInputs(e.task, e.rec) {
			b.refused[c] = e.rec.Past.Last
		}
	}
	if len(b.refused) == 0 {
		return
	}
	for _, e := range taken {
		if note := b.refused[e.task.More().Client]; note != nil {
			b.parkFor(e, note, now)
		}
	}
}

// clientRefused reports whether a failure is that of the client.
func clientRefused(f *credential.Fault) bool { return f.ClientRefused && f.Reason.Parks() }
