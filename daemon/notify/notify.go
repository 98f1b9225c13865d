// Package notify runs a command when a credential, or a sink that shows it, has
// not been in order for a while, and once more when all is well again.
//
// The Book decides; the Notifier looks at what the engine shows, keeps the book
// in a file and runs the commands. The beginning of a run is durable before it
// begins: one that a crash cut off is not repeated, one that had not begun is
// still owed.
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

// Source is what the notifier looks at.
type Source interface {
	Summary() engine.Summary
	Select(q engine.Query) engine.View
}

// Options make a Notifier. Source and Report are required.
type Options struct {
	Source    Source
	Processes *process.Runner
	// Path is the file that keeps the book.
	Path string
	// Report is told the end of each run.
	Report func(Ended)
}

// Ended is how one run ended.
type Ended struct {
	Events []Event
	Took   time.Duration
	Err    error // nil after exit code 0
	// CutOff says that it was begun before the last crash or stop, and is not
	// repeated.
	CutOff bool
}

// Notifier runs the commands of on_failure. Its methods may be called from any
// goroutine; Run once.
type Notifier struct {
	opt Options

	mu      sync.Mutex
	book    Book
	poke    chan struct{}
	running sync.WaitGroup
}

// lookEvery is how often the engine's states are looked at while there is any
// rule.
const lookEvery = time.Second

// atOnce bounds the commands that run at the same time.
const atOnce = 8

// New returns a notifier with the book of an earlier life. A file that cannot be
// read begins a new book; the error says so.
func New(opt Options) (*Notifier, error) {
	n := &Notifier{opt: opt, poke: make(chan struct{}, 1)}
	err := n.book.load(opt.Path)
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return n, err
}

// Adopt brings the rules up to date. There tells which credentials there are.
func (n *Notifier) Adopt(rules Rules, there func(credential string) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.book.Adopt(rules, there)
	select {
	case n.poke <- struct{}{}:
	default:
	}
}

// Run works until ctx ends, then ends the commands that run and waits for them.
func (n *Notifier) Run(ctx context.Context) {
	defer n.running.Wait()
	n.tellCutOff()
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

// wait returns when it is time to look again, and false when ctx has ended.
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

func (n *Notifier) tellCutOff() {
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

// step looks, decides, and makes what it decided durable. Without that no run
// begins: it is decided again a second later.
func (n *Notifier) step(now time.Time) []Batch {
	causes := n.causes()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.book.See(now, causes, n.well)
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

// run makes one run and takes its end in.
func (n *Notifier) run(ctx context.Context, batch Batch) {
	begun := time.Now()
	err := execute(ctx, n.opt.Processes, batch)
	if ctx.Err() != nil {
		// Cut off: whether somebody was told is not known. The next start says so.
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

// well reports whether a credential and sinks of it are seen to be in order. What
// is no longer configured is.
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

// The states that are a cause.
var (
	credentialCauses = [...]engine.State{engine.Parked, engine.Expired, "overdue"}
	sinkCauses       = [...]engine.State{engine.Behind, engine.Failing}
)

// oneLine keeps a message from being several lines of a mail's subject.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
