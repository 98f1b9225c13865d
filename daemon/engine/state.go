package engine

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// credentialState returns the state of a credential by its record, and until when
// that holds if nothing happens, zero for ever.
func credentialState(_ *plan.Credential, r *schedule.Record, now time.Time) (state State, until time.Time) {
	inForce := schedule.HasValue(r.Token) && (r.Token.ExpiresAt.IsZero() || now.Before(r.Token.ExpiresAt))
	if inForce {
		until = r.Token.ExpiresAt
	}
	switch {
	case r.Past.Parked:
		return Parked, time.Time{}
	case !schedule.HasValue(r.Token):
		return Pending, time.Time{}
	case !inForce:
		return Expired, time.Time{}
	case r.Past.Failures > 0:
		return Failing, until
	}
	return Valid, until
}

// state returns the state of a sink, what its last error is, and until when that
// holds if nothing happens, zero for ever.
func (r *sinkRow) stateAt(now time.Time) (state State, note *schedule.Note, until time.Time) {
	note = r.record.Past.Last
	if note == nil {
		note = r.refused
	}
	if note == nil && !r.begun.IsZero() {
		if hangs := r.begun.Add(hangingAfter); now.After(hangs) {
			note = &schedule.Note{Reason: credential.ReasonTimeout, Message: "writing hangs since " + r.begun.UTC().Format(time.RFC3339) + ": look at the disk or the file server", At: now}
		} else {
			until = hangs.Add(1)
		}
	}
	held := r.held()
	switch {
	case note != nil:
		return Failing, note, until
	case r.foreign != nil:
		return Behind, r.foreign, until
	case !r.owed && held == len(r.spec.Needs):
		return Delivered, nil, until
	case held > 0:
		return Behind, nil, until
	}
	return Pending, nil, until
}

// held counts the credentials that the sink shows and holds.
func (r *sinkRow) held() (n int) {
	for _, name := range r.spec.Needs {
		if _, found := r.record.Delivered[name]; found {
			n++
		}
	}
	return n
}
