package schedule

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// If a backend refuses a client (an id and secret at one address, see
// Extra.Client), all credentials with that client are parked: no call is made with
// it until the secret changes or a manual request.

// foldClient applies a result to the client of its task: a refusal parks every
// other credential with the same client, and a success unparks them.
func (b *Board) foldClient(s Start, res Result, now time.Time) {
	client := s.Task.More().Client
	switch {
	case client == "" || !res.Called:
	case res.Fault != nil && res.Fault.ClientRefused && res.Fault.Reason.Parks():
		b.refuseClient(s.Task, &Note{Reason: res.Fault.Reason, Message: res.Fault.Error(), At: res.End}, now)
	case res.Fault == nil && b.refused[client] != nil:
		b.freeClient(client, now)
	}
}

// learnClient is foldClient for a record from another machine; fresh means that it
// brings a result new to this board. One that does not is no sign that its client is
// accepted.
func (b *Board) learnClient(e *entry, fresh bool, now time.Time) {
	p := e.rec.Past()
	switch client := e.task.More().Client; {
	case client == "" || otherInputs(e.task, e.rec.Outline()):
	case p.Parked && p.ClientRefused && p.Last != nil:
		b.refuseClient(e.task, p.Last, now)
	case fresh && p.Last == nil && b.refused[client] != nil:
		b.freeClient(client, now)
	case !fresh && b.refused[client] != nil:
		b.parkFor(e, b.refused[client], now)
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
		if e.rec.Past().ClientRefused && !e.running {
			e.edit(func(r *Record) { r.Past.Parked, r.Past.ClientRefused, r.Past.Last = false, false, nil })
			b.moveOn(e, now)
		}
	}
}

// showing returns the credentials with the given client. The first call after an
// Apply sorts all of them by client, so that a fleet whose backend refuses one
// client after another costs no pass over the board each time. As long as no client
// is refused or freed, nothing is held.
func (b *Board) showing(client string) (list []*entry) {
	if b.clients == nil {
		b.clients = map[string][]*entry{}
		for _, e := range b.entries {
			if c := e.task.More().Client; c != "" {
				b.clients[c] = append(b.clients[c], e)
			}
		}
	}
	for _, e := range b.clients[client] {
		if !e.gone {
			list = append(list, e)
		}
	}
	return list
}

// parkFor parks a credential whose client was refused for another one. It skips a
// running task, which gets its own result, and one with changed inputs.
func (b *Board) parkFor(e *entry, note *Note, now time.Time) {
	if e.running || e.rec.Past().Parked || e.task.More().Absent != "" || otherInputs(e.task, e.rec.Outline()) {
		return
	}
	e.edit(func(r *Record) {
		r.Past.Parked, r.Past.ClientRefused = true, true
		copied := *note
		r.Past.Last = &copied
		// From here on another secret is one.
		held := r.Token()
		held.Identity, held.Inputs = e.task.Identity, e.task.Inputs
		r.Part = held
	})
	b.moveOn(e, now)
}

func (b *Board) moveOn(e *entry, now time.Time) {
	b.corrected[e.task.Key] = true
	b.replan(e, now)
	b.regate(e.group, now)
	b.touch(e, now)
}

// recallClients finds the refused clients in the records of new tasks, and parks
// the new tasks that use one.
func (b *Board) recallClients(added []*entry, now time.Time) {
	for _, e := range added {
		c, p := e.task.More().Client, e.rec.Past()
		if c != "" && p.ClientRefused && p.Parked && p.Last != nil && !otherInputs(e.task, e.rec.Outline()) {
			b.refused[c] = p.Last
		}
	}
	if len(b.refused) == 0 {
		return
	}
	for _, e := range added {
		if note := b.refused[e.task.More().Client]; note != nil {
			b.parkFor(e, note, now)
		}
	}
}

// clientRefused reports whether the backend refused the client itself.
func clientRefused(f *credential.Fault) bool { return f.ClientRefused && f.Reason.Parks() }
