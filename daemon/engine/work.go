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

// job is one attempt with all that it may know, taken by the conductor when it
// starts: one consistent set of tokens, whatever is renewed meanwhile.
type job struct {
	start  schedule.Start
	tokens credential.Set
	marks  schedule.Marks
	// credential or sink is what the task stands for; a hook's is its sink.
	credential *plan.Credential
	sink       *plan.Sink
	sinks      []*plan.Sink // those that show the credential
	changes    uint64       // the sink's so far: a hook acts on them, a delivery counts on
	joined     []*job       // hooks: those of other sinks that this run is for too
	after      <-chan struct{}
	look, lost bool // sinks: nothing is owed, the target may have drifted; it has lost the value
	// left is what a panic leaves of the record, nil for what it was at the
	// start. It is raised before a sink writes: how far that had come is not
	// known then, and the hook is owed.
	left   *schedule.Record
	ledger Ledger
	ticket Ticket // of the call, once it may be made
	seed   uint64
	clock  func() time.Time
	within func(context.Context, time.Duration) (context.Context, context.CancelFunc)
	// turns is where a call waits for its turn, by the clocks that read reads.
	turns *turns
	stage *stage
	read  func() reading
	pause func(context.Context, time.Duration)
}

// finished is the end of an attempt.
type finished struct {
	start     *schedule.Start
	record    schedule.Record
	result    schedule.Result
	saveError error
	// owed says that the record was not handed to the ledger yet.
	owed bool
	// refused holds what preflights of sinks said; a nil note is a good word.
	refused  map[string]*schedule.Note
	panicked bool
	stack    string
	// quiet says that nothing was done but to look; foreign is what was seen,
	// repair that the target is written for no other reason than its drift.
	quiet   bool
	foreign *schedule.Note
	repair  bool
	lost    bool  // the look found nothing of ours, or could not see
	unmade  bool  // the call was not made, see awaitTurn
	refusal error // why the ledger did not grant it
	// joined are the ends of the hooks that the command was run for too; with
	// marks those, of which the log has told by the first one.
	joined []finished
	with   bool
}

// prepare gathers what the attempt needs from the loop's state.
func (e *Engine) prepare(s *schedule.Start) *job {
	j := &job{
		start: *s, ledger: e.opt.Ledger, seed: e.opt.Seed, clock: e.reads.wall, read: e.reads.all,
		within: e.within, pause: e.pause, after: e.unsaved.underWay(s.Task.Key),
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
	j.turns.close(0)
}

// contain performs the attempt and turns a panic into its failure.
func (j *job) contain(ctx context.Context) (end finished) {
	defer func() {
		if p := recover(); p != nil {
			// The value of the panic may hold anything, a secret included: its
			// type and the place are all that is told.
			left := &j.start.Record
			if j.left != nil {
				left = j.left
			}
			// How far a call had come is not known either, hence Lost.
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

// end advances the record, and makes the end of a call durable. The end of the
// daemon does not cancel that.
func (j *job) end(ctx context.Context, res schedule.Result, r schedule.Record) (f finished) {
	f.start, f.result = &j.start, res
	f.record = schedule.Advance(j.start.Task, r, res, j.seed)
	if f.owed = j.ticket == nil; !f.owed {
		f.saveError = j.commit(ctx, &f.record)
	}
	return f
}

// begin records an intent. See Ledger.Begin; without a ledger everything is
// allowed.
func (j *job) begin(ctx context.Context, intent *schedule.Record) (granted bool, err error) {
	if j.ledger == nil {
		return true, nil
	}
	ctx, cancel := j.within(context.WithoutCancel(ctx), durableDeadline)
	defer cancel()
	j.ticket, err = j.ledger.Begin(ctx, j.start.Task.Key, *intent)
	return j.ticket != nil, err
}

// commit ends what begin began. An attempt that never came to that, because
// something on this machine failed before, has its record written with the next
// batch.
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
	begun := schedule.Begin(*r, at)
	failpoint.Hit("obtain begun")
	granted, err := j.begin(ctx, &begun)
	if !granted {
		f := j.unmade(ctx)
		f.refused, f.refusal = refused, err
		return f
	}
	if err != nil && (spends || revokes) {
		// What cannot be remembered must not be spent.
		f = local("the state cannot be saved, so nothing is renewed that could be lost: "+saveCause(err), err)
		f.refused = refused
		return f
	}
	if !j.awaitTurn(ctx) {
		f := j.unmade(ctx)
		f.refused = refused
		return f
	}
	at = j.clock() // floor and life count from the call, however long the disk took
	failpoint.Hit("obtain intent saved")
	call, cancel := j.within(ctx, spec.Policy.Timeout)
	token, err := spec.Source.Refresh(call, credential.Request{At: at, Previous: r.Previous(), Inputs: j.tokens, Lost: r.Past.Open, Turn: j.anotherTurn})
	cancel()
	failpoint.Hit("obtain answered")
	res := schedule.Result{At: at, End: j.clock(), Called: true, Token: token}
	if err != nil {
		res.Fault = located(credential.AsFault(err), spec.Places)
	} else if res.Fault = schedule.Vet(token, res.End); res.Fault != nil {
		// The backend acted all the same: a seed that works once is used up.
		res.Fault.SeedSpent = spends
	}
	left := begun
	if res.Fault != nil && res.Fault.Uncalled {
		left = *r // the floor counts from calls
	}
	f = j.end(ctx, res, left)
	failpoint.Hit("obtain saved")
	f.refused = refused
	return f
}

// preflight asks every sink that shows the credential whether delivering would
// work now: a renewal that kills the old values is worth nothing while its
// successor cannot be delivered.
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

// deliver hands the set to the sink.
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
	part.Changes = 0 // without a hook nothing is owed, also to one that comes later
	if spec.Hook != nil {
		part.Changes = j.changes + 1
	}
	raised.Part = part
	if spec.Hook != nil {
		// Raised before the write: a crash in between leaves the hook owed. A
		// failure to save costs at most that hook.
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

// hook runs what follows a change, once for all the sinks that have joined.
func (j *job) hook(ctx context.Context) finished {
	sinks := []string{j.sink.Name}
	for _, one := range j.joined {
		sinks = append(sinks, one.sink.Name)
	}
	slices.Sort(sinks)
	at := j.clock()
	failpoint.Hit("hook begun")
	// Durable before it runs, and its end before anything else follows: a crash
	// makes it run once more only where its end is really not known. Of those that
	// have joined nobody waits: a crash may run it once more for them.
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

// endJoined ends the hooks that a run was for too, as the run has ended.
func (j *job) endJoined(ctx context.Context, end *finished) {
	for _, one := range j.joined {
		res := end.result
		res.Ran = one.changes
		f := one.end(ctx, res, one.start.Record)
		f.with = true
		end.joined = append(end.joined, f)
	}
}

// localFault is AsFault for a sink or a hook, which the end of the daemon may
// have cut short.
func localFault(ctx context.Context, err error) *credential.Fault {
	fault := credential.AsFault(err)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return &credential.Fault{Reason: credential.ReasonCancelled, Message: "cut short, since the daemon is stopping", Err: err}
	}
	return fault
}

// saveCause is what people may read of a failed save.
func saveCause(err error) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return "the disk does not answer"
	}
	return err.Error()
}
