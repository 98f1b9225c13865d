package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/failpoint"
)

// job is an attempt with everything it needs, copied from the loop's state at its
// start: the set of tokens stays consistent, whatever is renewed meanwhile.
type job struct {
	start  schedule.Start
	tokens credential.Set
	marks  schedule.Marks
	// credential or sink is what the task handles; for a hook, its sink.
	credential *plan.Credential
	sink       *plan.Sink
	sinks      []*plan.Sink // the sinks that use the credential
	changes    uint64       // the sink's current Delivery.Changes
	joined     []*job       // hooks of other sinks that run with this one
	after      <-chan struct{}
	look, lost bool // sinks: only check the target for drift; the target lost the value
	// left is the record after a panic, nil for the one at the start. A delivery
	// sets it before the write, so that the hook is owed however far the write got.
	left   *schedule.Record
	ledger Ledger
	ticket Ticket // once the ledger has granted the attempt
	seed   uint64
	clock  func() time.Time
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	// turns is the backend's rate limiter; read reads the clocks for it.
	turns *turns
	stage *stage
	read  func() reading
	pause func(context.Context, time.Duration)
	open  context.Context //nolint:containedctx // see Engine.open
}

// finished is the end of an attempt.
type finished struct {
	start     *schedule.Start
	record    schedule.Record
	result    schedule.Result
	saveError error
	// owed means that the record was not passed to the ledger yet.
	owed bool
	// refused holds the results of the sinks' preflights; nil means success.
	refused  map[string]*schedule.Note
	panicked bool
	stack    string
	// quiet means that the target was only checked; foreign is the value of someone
	// else found there; repair means that it was written only because of drift.
	quiet   bool
	foreign *schedule.Note
	repair  bool
	lost    bool  // the check found no value of ours, or failed
	unmade  bool  // no call was made, see awaitTurn
	refusal error // why the ledger did not grant the attempt
	// joined holds the ends of the other hooks of the same command. They are marked
	// by with, because the first one already reports the run.
	joined []finished
	with   bool
}

// prepare creates the job of an attempt from the loop's state.
func (e *Engine) prepare(s *schedule.Start) *job {
	j := &job{
		start: *s, ledger: e.opt.Ledger, seed: e.opt.Seed, clock: e.reads.wall, read: e.reads.all,
		within: e.within, pause: e.pause, open: e.open, after: e.unsaved.underWay(s.Task.Key),
	}
	if len(s.Task.Needs) > 0 {
		j.tokens, j.marks = make(credential.Set, len(s.Task.Needs)), make(schedule.Marks, len(s.Task.Needs))
	}
	for i, name := range s.Task.Needs {
		j.marks[i].Name = name
		j.tokens[name], j.marks[i].Mark = e.board.Token(name)
	}
	switch s.Task.Kind {
	case schedule.Obtaining:
		e.prepareCall(j)
	case schedule.Delivering:
		one := e.sinks[s.Task.Name]
		j.sink, j.look = one.spec, one.looking && !e.board.Owed(s.Task.Key)
		j.changes = max(s.Record.Delivery().Changes, e.board.Ran(s.Task.Name))
	case schedule.Hooking:
		j.sink, j.changes = e.sinks[s.Task.Name].spec, e.board.Changes(s.Task.Name)
	}
	return j
}

// prepareCall is prepare for a credential.
func (e *Engine) prepareCall(j *job) {
	j.credential = e.credentials[j.start.Task.Name].spec
	for _, name := range e.board.Showing(j.start.Task.Name) {
		j.sinks = append(j.sinks, e.sinks[name].spec)
	}
	j.turns, j.stage = e.providers[j.start.Task.Group].turns, &stage{}
	j.turns.closeUntil(0)
}

// contain runs the attempt and turns a panic into a failure.
func (j *job) contain(ctx context.Context) (end finished) {
	defer func() {
		if p := recover(); p != nil {
			// The panic value may contain a secret: report only its type and the
			// stack.
			left := &j.start.Record
			if j.left != nil {
				left = j.left
			}
			// The call may have taken effect, hence Lost.
			fault := &credential.Fault{Reason: credential.ReasonInternal, Lost: j.start.Task.Kind == schedule.Obtaining, Message: fmt.Sprintf("a fault in vigente was contained (panic of type %T); please report it with the log", p)}
			end = j.end(ctx, schedule.Result{At: j.clock(), End: j.clock(), Called: true, Fault: fault}, *left)
			end.panicked, end.stack = true, string(debug.Stack())
		}
		j.endJoined(ctx, &end)
	}()
	for _, one := range append(j.joined, j) {
		if one.after != nil {
			<-one.after
		}
	}
	switch j.start.Task.Kind {
	case schedule.Obtaining:
		return j.obtain(ctx)
	case schedule.Delivering:
		return j.deliver(ctx)
	default:
		return j.hook(ctx)
	}
}

// end advances the record and, if the ledger granted the attempt, commits it. The
// daemon's shutdown does not cancel the commit.
func (j *job) end(ctx context.Context, res schedule.Result, r schedule.Record) (f finished) {
	f.start, f.result = &j.start, res
	f.record = schedule.Advance(j.start.Task, r, res, j.seed)
	if f.owed = j.ticket == nil; !f.owed {
		f.saveError = j.commit(ctx, &f.record)
	}
	return f
}

// begin records an intent: see Ledger.Begin. Without a ledger, every attempt is
// granted.
func (j *job) begin(ctx context.Context, intent *schedule.Record) (granted bool, err error) {
	if j.ledger == nil {
		return true, nil
	}
	ctx, cancel := j.within(context.WithoutCancel(ctx), durableDeadline)
	defer cancel()
	j.ticket, err = j.ledger.Begin(ctx, j.start.Task.Key, *intent)
	return j.ticket != nil, err
}

// commit ends what begin began. If the attempt failed before begin, its record is
// written with the next batch instead.
func (j *job) commit(ctx context.Context, r *schedule.Record) error {
	if j.ticket == nil {
		return nil
	}
	ctx, cancel := j.within(context.WithoutCancel(ctx), durableDeadline)
	defer cancel()
	return j.ticket.Commit(ctx, *r)
}

// obtain calls the backend once.
func (j *job) obtain(ctx context.Context) (f finished) {
	spec := j.credential
	r, at := &j.start.Record, j.clock()
	local := func(message string, err error) finished {
		res := schedule.Result{At: at, End: j.clock(), Fault: &credential.Fault{Reason: credential.ReasonInternal, Message: message, Err: err}}
		return j.end(ctx, res, *r)
	}
	revoker, _ := spec.Source.(credential.Revoker)
	revokes := revoker != nil && revoker.Revokes()
	var refused map[string]*schedule.Note
	if revokes {
		var message string
		if refused, message = j.preflight(ctx); message != "" {
			f = local(message, nil)
			f.refused = refused
			return f
		}
		at = j.clock()
	}
	spender, _ := spec.Source.(credential.Spender)
	spends := spender != nil && spender.Spends(r.Previous())
	if j.open.Err() != nil {
		f := j.unmade(ctx)
		f.refused = refused
		return f
	}
	begun := schedule.Begin(*r, at)
	failpoint.Hit("obtain begun")
	granted, err := j.begin(ctx, &begun)
	if !granted {
		f := j.unmade(ctx)
		f.refused, f.refusal = refused, err
		return f
	}
	if err != nil && (spends || revokes) {
		// Do not spend or revoke anything if the result may not be saved.
		f = local("the state cannot be saved, so nothing is renewed that could be lost: "+saveCause(err), err)
		f.refused = refused
		return f
	}
	if !j.awaitTurn(ctx) {
		f := j.unmade(ctx)
		f.refused = refused
		return f
	}
	at = j.clock() // interval and lifetime count from the call, not from the save
	failpoint.Hit("obtain intent saved")
	call, cancel := j.within(ctx, spec.Policy.Timeout)
	token, err := spec.Source.Refresh(call, credential.Request{At: at, Previous: r.Previous(), Inputs: j.tokens, Lost: r.Past.Open, Turn: j.anotherTurn})
	cancel()
	failpoint.Hit("obtain answered")
	res := schedule.Result{At: at, End: j.clock(), Called: true, Token: token}
	if err != nil {
		res.Fault = located(credential.AsFault(err), spec.Places)
	} else if res.Fault = schedule.Vet(token, res.End); res.Fault != nil {
		// The call took effect anyway: a seed that works once is used up.
		res.Fault.SeedSpent = spends
	}
	left := begun
	if res.Fault != nil && res.Fault.Uncalled {
		left = *r // the minimum interval counts from calls
	}
	f = j.end(ctx, res, left)
	failpoint.Hit("obtain saved")
	f.refused = refused
	return f
}

// preflight asks every sink that uses the credential whether a delivery would work:
// a renewal that revokes the old values must not happen while the new ones cannot
// be delivered.
func (j *job) preflight(ctx context.Context) (map[string]*schedule.Note, string) {
	ctx, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	notes, message := map[string]*schedule.Note{}, ""
	for _, s := range j.sinks {
		p, ok := s.Sink.(credential.Preflighter)
		if !ok {
			continue
		}
		notes[s.Name] = nil
		if err := p.Preflight(ctx); err != nil {
			fault := credential.AsFault(err)
			notes[s.Name] = &schedule.Note{Reason: fault.Reason, Message: fault.Error(), At: j.clock()}
			if message == "" {
				message = fmt.Sprintf("not renewed, since sink %s could not take the new value: %s", s.Name, fault.Error())
			}
		}
	}
	return notes, message
}

// deliver writes the set of tokens to the sink.
func (j *job) deliver(ctx context.Context) finished {
	if j.look {
		if end, write := j.inspect(ctx); !write {
			return end
		}
	}
	spec := j.sink
	r, at := j.start.Record, j.clock()
	raised, part := r, r.Delivery()
	failpoint.Hit("deliver begun")
	part.Changes = 0 // without a hook nothing is owed, even if one is configured later
	if spec.Hook != nil {
		part.Changes = j.changes + 1
	}
	raised.Part = part
	if spec.Hook != nil {
		// Increment before the write, so that after a crash in between the hook is
		// owed. If this save fails, at most that hook is lost.
		_, _ = j.begin(ctx, &raised)
		j.left = &raised
	}
	failpoint.Hit("deliver raised")
	call, cancel := j.within(ctx, deliverTimeout)
	changed, err := spec.Sink.Deliver(call, j.tokens)
	cancel()
	failpoint.Hit("deliver written")
	if changed {
		r = raised
	}
	res := schedule.Result{At: at, End: j.clock(), Called: true, Changed: changed}
	if err != nil {
		res.Fault = localFault(ctx, err)
	} else {
		res.Delivered = j.marks
		r = j.issue(r)
	}
	f := j.end(ctx, res, r)
	failpoint.Hit("deliver saved")
	f.repair, f.lost = j.look, j.lost
	return f
}

// hook runs a sink's command, once for all the joined sinks.
func (j *job) hook(ctx context.Context) finished {
	sinks := []string{j.sink.Name}
	for _, one := range j.joined {
		sinks = append(sinks, one.sink.Name)
	}
	slices.Sort(sinks)
	at := j.clock()
	failpoint.Hit("hook begun")
	// Store the intent before the command runs and the end right after it, so that
	// a crash repeats the command only if its end is unknown. The joined hooks are
	// saved later: a crash may repeat the command for them.
	begun := schedule.Begin(j.start.Record, at)
	_, _ = j.begin(ctx, &begun)
	err := j.sink.Hook.Run(ctx, sinks)
	failpoint.Hit("hook ended")
	res := schedule.Result{At: at, End: j.clock(), Called: true, Ran: j.changes}
	if err != nil {
		res.Fault = localFault(ctx, err)
	}
	f := j.end(ctx, res, begun)
	failpoint.Hit("hook saved")
	return f
}

// endJoined ends the joined hooks with the result of the run.
func (j *job) endJoined(ctx context.Context, end *finished) {
	for _, one := range j.joined {
		res := end.result
		res.Ran = one.changes
		f := one.end(ctx, res, one.start.Record)
		f.with = true
		end.joined = append(end.joined, f)
	}
}

// localFault is AsFault for a sink or a hook, which the daemon's shutdown may have
// canceled.
func localFault(ctx context.Context, err error) *credential.Fault {
	fault := credential.AsFault(err)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return &credential.Fault{Reason: credential.ReasonCancelled, Message: "cut short, since the daemon is stopping", Err: err}
	}
	return fault
}

// saveCause returns the cause of a failed save for people.
func saveCause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the disk does not answer"
	}
	return err.Error()
}
