package engine

import (
	"context"
	"errors"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// Ledger stores records durably and grants attempts.
//
// A ledger belongs to one machine or is shared by several. A shared ledger grants
// each call for a credential to one machine, with a Ticket; records of sinks and
// hooks are always local. The methods must be safe for concurrent use, and calls
// for one key must take effect in order. The engine does not change a record after
// passing it.
type Ledger interface {
	// Begin stores the intent of an attempt durably. From then on the stored record
	// is open (Past.Open), which after a crash means that a call with unknown
	// outcome may have been made.
	//
	// With a Ticket and no error, the attempt may continue. With a Ticket and an
	// error, the intent may not be durable: an attempt that spends or revokes
	// something must stop, any other may continue. Without a Ticket the intent was
	// refused: no call may be made, nothing of the attempt is stored, and the error
	// says why. A *Refusal says when to retry. If the ledger has another record
	// instead of the intent, it passes that to Engine.Learn, if possible before
	// Begin returns.
	//
	// For a sink the intent is the record with Changes incremented, before the
	// target is written; it is never refused.
	Begin(ctx context.Context, key schedule.Key, intent schedule.Record) (Ticket, error)
	// Write stores a batch durably, atomically if it can. The engine runs one Write
	// at a time and repeats it after an error. A batch holds only what no attempt
	// waits for: deliveries without a hook, corrections, cool-downs and removals.
	Write(ctx context.Context, batch Batch) error
}

// Ticket is the permission for an attempt.
type Ticket interface {
	// Commit ends the attempt and stores its record durably. If no call was made,
	// that is the record from before the attempt, which is not open.
	//
	// No one else writes the key between Begin and Commit. Without a Commit the
	// intent stays open. An error means that the record may not be durable: the
	// engine uses it anyway, and repeats Write until it succeeds.
	Commit(ctx context.Context, record schedule.Record) error
}

// Refusal is the error for an intent that conflicts with another machine's.
type Refusal struct {
	// Until is when to retry, unless Engine.Learn is called before; zero means a
	// second from now.
	Until time.Time
	// Reason is a short explanation for people.
	Reason string
	// Final means that waiting does not help: a manual request fails and is not
	// retried.
	Final bool
}

// Lapsing is a Ticket with a time limit. Once it has lapsed, the call must not
// start.
type Lapsing interface{ Lapsed() bool }

// Pacing is a Ticket whose call shares a rate with those of other machines. Turn
// returns how long to wait for it.
type Pacing interface {
	Turn(ctx context.Context) time.Duration
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// heldBy returns the hold for an attempt that the ledger refused with err, or the
// zero Hold if err is nil.
func heldBy(err error, now time.Time) schedule.Hold {
	if err == nil {
		return schedule.Hold{}
	}
	hold := schedule.Hold{Until: now.Add(refusedFor), Text: "the ledger did not allow the call"}
	if refusal, ok := errors.AsType[*Refusal](err); ok {
		hold.Text, hold.Final = refusal.Reason, refusal.Final
		if refusal.Until.After(now) {
			hold.Until = refusal.Until
		}
	}
	return hold
}

// refusedFor is the wait after a refusal that names no instant.
const refusedFor = time.Second

// Batch is a set of changes of what is stored.
type Batch struct {
	Records   map[schedule.Key]schedule.Record
	Providers map[string]schedule.ProviderRecord
	// Dropped are the keys of records to delete.
	Dropped []schedule.Key
}

// Empty reports whether the batch changes nothing.
func (b Batch) Empty() bool {
	return len(b.Records) == 0 && len(b.Providers) == 0 && len(b.Dropped) == 0
}
