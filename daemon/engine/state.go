package engine

import (
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// handoverTime is how long the first renewal after expiry may take before the
// token counts as expired, if an earlier renewal was useless.
const handoverTime = time.Minute

// judge returns the state of a credential, and until when it lasts if nothing
// happens, zero for ever.
func (r *credentialRow) judge(now time.Time) (state State, until time.Time) {
	token, past := r.record.Outline(), r.record.Past()
	switch {
	case past.Parked || len(r.spec.Missing) > 0:
		return Parked, time.Time{}
	case !schedule.HasValue(token.Credential):
		return Pending, time.Time{}
	}
	end, state := token.ExpiresAt, Valid
	if past.Failures > 0 {
		state = Failing
	}
	switch over := !end.IsZero() && !now.Before(end); {
	case !over:
		return state, end
	case token.PolicyExpiry && r.firstSince(end):
		return state, time.Time{}
	case token.PolicyExpiry:
		return Overdue, time.Time{}
	case r.handedOver(now):
		return Handover, end.Add(handoverTime)
	}
	return Expired, time.Time{}
}

// firstSince reports whether the first attempt since an instant is running.
func (r *credentialRow) firstSince(at time.Time) bool {
	return r.running && r.record.Past().AttemptAt.Before(at)
}

// handedOver reports whether the token has just expired, could not be renewed
// before, and the first attempt since has not ended.
func (r *credentialRow) handedOver(now time.Time) bool {
	token, past := r.record.Outline(), r.record.Past()
	useless := !token.UsefulAfter.Before(token.ExpiresAt) || token.Unchanged > 0
	return useless && past.Failures == 0 && past.AttemptAt.Before(token.ExpiresAt) && now.Before(token.ExpiresAt.Add(handoverTime))
}

// stateAt returns the state of a sink with its last error, and until when it lasts
// if nothing happens, zero for ever.
func (r *sinkRow) stateAt(now time.Time) (state State, note *schedule.Note, until time.Time) {
	note = r.record.LastNote()
	if note == nil {
		note = r.refused
	}
	if begun := r.begun.time(); note == nil && !begun.IsZero() {
		if hangs := begun.Add(hangingAfter); now.After(hangs) {
			note = &schedule.Note{Reason: credential.ReasonTimeout, Message: "writing hangs since " + begun.UTC().Format(time.RFC3339) + ": look at the disk or the file server", At: now}
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
	case r.lost:
		return Behind, r.behind(lostMessage), until
	case r.unseen && !r.owed && held == len(r.spec.Needs):
		return Pending, nil, until
	case !r.owed && held == len(r.spec.Needs):
		return Delivered, nil, until
	case held > 0:
		return Behind, r.behind(olderMessage), until
	}
	return Pending, nil, until
}

// behind returns a note dated to when the sink was last known to be up to date.
func (r *sinkRow) behind(message string) *schedule.Note {
	return &schedule.Note{Reason: credential.ReasonInternal, Message: message, At: r.record.Delivery().DeliveredAt}
}

// held counts the credentials in Needs that the sink holds.
func (r *sinkRow) held() (n int) {
	for _, name := range r.spec.Needs {
		if _, holds := r.record.Holds(name); holds {
			n++
		}
	}
	return n
}
