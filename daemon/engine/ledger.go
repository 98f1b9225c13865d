package engine

import (
	"context"
	"errors"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

// Ledger is where records become durable, and where an attempt is allowed.
//
// One ledger may belong to one machine, or be shared by several: then a call
// for a credential is made by whoever a Ticket was given to. Records of sinks
// and hooks are those of this machine in either case. The methods are safe for
// concurrent use, and calls for one key take effect in the order in which they
// were made. A record is never changed after it was handed over.
type Ledger interface {
	// Begin records the intent of one attempt, and returns once that is durable.
	// The record is open (Past.Open) from then on: whoever finds it after a
	// crash knows that a call may have been made whose end is not known.
	//
	// Without an error the attempt may go on. With a Ticket and an error the
	// intent could not be made durable; an attempt that spends or revokes
	// something must not go on then, any other may. Without a Ticket the intent
	// was refused: no call may be made, nothing of the attempt is left, and the
	// error says why. A *Refusal says when to try again. Whatever record the
	// ledger knows in place of the intent comes by Engine.Learn, before Begin
	// returns where that is possible.
	//
	// For a sink the intent is the record with its count of changes raised,
	// before the place is written; it is never refused.
	Begin(ctx context.Context, key schedule.Key, intent schedule.Record) (Ticket, error)
	// Write makes a batch durable, all of it in one step where it can, and
	// returns when it is. The engine has one Write under way at a time and
	// repeats what an error left unknown. What is in a batch was never waited
	// for by an attempt: deliveries that no hook follows, corrections, cool-downs, removals.
	Write(ctx context.Context, batch Batch) error
}

// Ticket is an attempt that may be made.
type Ticket interface {
	// Commit ends the attempt with the record that it led to, and returns when
	// that is durable. The record of an attempt whose call was never made is the
	// one from before: it is not open, and nothing else has changed.
	//
	// Between Begin and Commit nobody else writes the key. A Ticket that is
	// never committed leaves the intent open. An error says that the record may
	// not be durable: the engine shows it all the same, and writes it again by
	// Write until that succeeds.
	Commit(ctx context.Context, record schedule.Record) error
}

// Refusal is the error of an intent that somebody else's stands against.
type Refusal struct {
	// Until is when to try again, unless Engine.Learn brings news before; zero
	// for a second from now.
	Until time.Time
	// Reason says in a few words, for people, what the attempt waits for.
	Reason string
	// Final says that waiting alone does not end it: whoever asked for the
	// attempt is told, and it is not made later for that.
	Final bool
}

// Lapsing is a Ticket that does not stand for ever. Once it has lapsed the call
// must not begin any more.
type Lapsing interface{ Lapsed() bool }

// Pacing is a Ticket whose call waits for its turn among those of other machines.
type Pacing interface {
	Turn(ctx context.Context) time.Duration
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

// heldBy returns how long an attempt waits that the ledger did not grant; the
// zero Hold for any other that was not made.
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
	// Dropped are records that the configuration no longer has.
	Dropped []schedule.Key
}

// Empty reports whether the batch changes nothing.
func (b Batch) Empty() bool {
	return len(b.Records) == 0 && len(b.Providers) == 0 && len(b.Dropped) == 0
}
