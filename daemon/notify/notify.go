// Package notify runs a command when a credential, or one of its sinks, has not
// been in order for a while, and once more when everything is in order again.
//
// The Book decides; the Notifier polls the engine's view, keeps the book in a
// file and runs the commands. A run is saved before it starts: one interrupted
// by a crash is not repeated, and one that had not started is still due.
package notify

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/internal/process"
)

// Source is the state that the notifier observes.
type Source interface {
	Summary() engine.Summary
	Select(q engine.Query) engine.View
}

// Options configures a Notifier. Source and Report are required.
type Options struct {
	Source    Source
	Processes *process.Runner
	// Path is the file of the book.
	Path string
	// Report is called after each run.
	Report func(Ended)
}

// Ended is the outcome of one run.
type Ended struct {
	Events []Event
	Took   time.Duration
	Err    error // nil after exit code 0
	// CutOff means that the run was started before the last crash or stop, and
	// is not repeated.
	CutOff bool
}

// Notifier runs the commands of on_failure. Its methods are safe for concurrent
// use; Run may be called once.
type Notifier struct {
	opt Options

	mu      sync.Mutex
	book    Book
	poke    chan struct{}
	running sync.WaitGroup
}

// lookEvery is how often the engine's states are polled while there are rules.
const lookEvery = time.Second

// atOnce limits the commands running at the same time.
const atOnce = 8

// New returns a notifier with the book of the previous process. If the file
// cannot be read, it starts with an empty book and returns an error.
func New(opt Options) (*Notifier, error) {
	n := &Notifier{opt: opt, poke: make(chan struct{}, 1)}
	err := n.book.load(opt.Path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return n, err
}

// Adopt replaces the rules. exists reports which credentials exist.
func (n *Notifier) Adopt(rules Rules, exists func(credential string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.book.Adopt(rules, exists)
	select {
	case n.poke <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, then stops the running commands and waits for them.
func (n *Notifier) Run(ctx context.Context) {
	defer n.running.Wait()
	n.reportCutOff()
	slots := make(chan struct{}, atOnce)
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		for _, batch := range n.step(time.Now()) {
			n.running.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				n.run(ctx, batch)
			})
		}
		if !n.wait(ctx, ticker) {
			return
		}
	}
}

// wait waits until the next poll is due, and returns false when ctx has ended.
func (n *Notifier) wait(ctx context.Context, ticker *time.Ticker) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-n.poke:
		case <-ticker.C:
		}
		if n.hasRules() {
			return true
		}
	}
}

func (n *Notifier) hasRules() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return !n.book.rules.empty()
}

func (n *Notifier) reportCutOff() {
	n.mu.Lock()
	var events []Event
	for name, e := range n.book.Entries {
		if e.Begun {
			events = append(events, event(name, e))
		}
	}
	n.book.CutOff()
	n.mu.Unlock()
	if len(events) > 0 {
		n.opt.Report(Ended{Events: events, CutOff: true})
	}
}

// step polls, decides, and saves the decision. If it cannot be saved, no run
// starts, and the decision is repeated a second later.
func (n *Notifier) step(now time.Time) []Batch {
	causes := n.causes()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.book.Observe(now, causes, n.well)
	batches := n.book.Due(now)
	if !n.book.Changed {
		return nil
	}
	if err := n.book.save(n.opt.Path); err != nil {
		for _, batch := range batches {
			n.book.End(now, batch, false)
			n.opt.Report(Ended{Events: batch.Events, Err: err})
		}
		return nil
	}
	return batches
}

// run makes one run and records its outcome.
func (n *Notifier) run(ctx context.Context, batch Batch) {
	begun := time.Now()
	err := execute(ctx, n.opt.Processes, batch)
	if ctx.Err() != nil {
		// Interrupted: it is unknown whether the report arrived. The next start
		// logs that.
		return
	}
	n.mu.Lock()
	n.book.End(time.Now(), batch, err == nil)
	n.mu.Unlock()
	n.opt.Report(Ended{Events: batch.Events, Took: time.Since(begun), Err: err})
}

// causes returns what is not in order now, by credential.
func (n *Notifier) causes() map[string][]Cause {
	causes := map[string][]Cause{}
	totals := n.opt.Source.Summary().Totals
	for _, state := range credentialCauses {
		if totals.Credentials[state] == 0 {
			continue
		}
		for _, c := range n.opt.Source.Select(engine.Query{State: state}).Credentials {
			cause := Cause{State: string(state)}
			if c.LastError != nil {
				cause.Reason, cause.Message = string(c.LastError.Reason), oneLine(c.LastError.Message)
			}
			causes[c.Name] = append(causes[c.Name], cause)
		}
	}
	for _, state := range sinkCauses {
		if totals.Sinks[state] == 0 {
			continue
		}
		for _, s := range n.opt.Source.Select(engine.Query{State: state}).Sinks {
			cause := Cause{Sink: s.Name, State: string(state)}
			if s.LastError != nil {
				cause.Reason, cause.Message = string(s.LastError.Reason), oneLine(s.LastError.Message)
			}
			for _, name := range s.Needs {
				causes[name] = append(causes[name], cause)
			}
		}
	}
	return causes
}

// well reports whether a credential and its sinks are known to be in order, or
// are no longer configured.
func (n *Notifier) well(name string, sinks []string) bool {
	v := n.opt.Source.Select(engine.Query{Names: []string{name}})
	for _, c := range v.Credentials {
		if c.State != engine.Valid && c.State != engine.Failing {
			return false
		}
	}
	for _, s := range v.Sinks {
		if s.State != engine.Delivered && slices.Contains(sinks, s.Name) {
			return false
		}
	}
	return true
}

// The states that count as causes.
var (
	credentialCauses = [...]engine.State{engine.Parked, engine.Expired, "overdue"}
	sinkCauses       = [...]engine.State{engine.Behind, engine.Failing}
)

// oneLine joins the lines of a message, so that it fits the subject of a mail.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
