package notify

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// scenario runs a book on a clock of seconds.
type scenario struct {
	*testing.T
	Book
	now    time.Time
	causes map[string][]Cause
	unwell map[string]bool // neither a cause nor known to be in order
	log    []string
	fails  int // how many runs fail
}

func newScenario(t *testing.T, rules map[string]Rule) *scenario {
	w := &scenario{T: t, now: time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC), causes: map[string][]Cause{}, unwell: map[string]bool{}}
	w.adopt(rules)
	return w
}

// adopt sets the rules of the existing credentials.
func (w *scenario) adopt(rules map[string]Rule) {
	w.Adopt(Rules{Own: rules}, func(string) bool { return true })
}

// pass advances the clock second by second; runs end at once.
func (w *scenario) pass(seconds int) {
	for range seconds {
		w.now = w.now.Add(time.Second)
		w.Observe(w.now, w.causes, func(name string, _ []string) bool { return !w.unwell[name] })
		for _, b := range w.Due(w.now) {
			var told []string
			for _, e := range b.Events {
				told = append(told, fmt.Sprintf("%s %s/%s %s %s", e.Event, e.Credential, e.Sink, e.State, e.Reason))
			}
			w.log = append(w.log, fmt.Sprintf("%s: %s", b.Rule.Command[0], strings.Join(told, ", ")))
			w.fails--
			w.End(w.now, b, w.fails < 0)
		}
	}
}

func (w *scenario) want(lines ...string) {
	w.Helper()
	if got, want := strings.Join(w.log, "\n"), strings.Join(lines, "\n"); got != want {
		w.Errorf("got\n%s\nwant\n%s", got, want)
	}
	w.log = nil
}

func mail(after time.Duration) Rule {
	return Rule{Command: []string{"mail"}, After: after, Timeout: time.Second}
}

var (
	parked  = Cause{State: "parked", Reason: "rejected"}
	expired = Cause{State: "expired", Reason: "network"}
)

func TestToldOnceAndOnceMore(t *testing.T) {
	w := newScenario(t, map[string]Rule{"a": mail(time.Minute)})
	w.causes["a"] = []Cause{parked}
	w.pass(60)
	w.want()
	w.pass(2)
	w.want("mail: failed a/ parked rejected")
	// Another state and another cause belong to the same event.
	w.causes["a"] = []Cause{expired, {Sink: "s", State: "failing"}}
	w.pass(600)
	w.want()
	delete(w.causes, "a")
	w.pass(5)
	w.want("mail: recovered a/ valid rejected")
	w.pass(600)
	w.want()
	if len(w.Entries) > 0 {
		t.Errorf("got entries %v, want none", w.Entries)
	}
}

func TestShortAndUntoldCauses(t *testing.T) {
	w := newScenario(t, map[string]Rule{"a": mail(time.Minute)})
	for range 5 {
		w.causes["a"] = []Cause{expired}
		w.pass(50)
		delete(w.causes, "a")
		w.pass(20)
	}
	w.want()
	// A credential not known to be in order keeps its count: a start does not
	// reset it.
	w.causes["a"] = []Cause{expired}
	w.pass(50)
	delete(w.causes, "a")
	w.unwell["a"] = true
	w.pass(5)
	w.causes["a"] = []Cause{expired}
	w.pass(8)
	w.want("mail: failed a/ expired network")
	delete(w.causes, "a")
	w.pass(60)
	w.want()
	w.unwell["a"] = false
	w.pass(3)
	w.want("mail: recovered a/ valid network")
}

func TestOneSecondIsOneRun(t *testing.T) {
	w := newScenario(t, map[string]Rule{
		"a": mail(time.Minute), "b": mail(time.Minute), "c": mail(time.Minute),
		"d": {Command: []string{"chat"}, After: time.Minute, Timeout: time.Second}, "late": mail(90 * time.Second),
	})
	w.causes["b"] = []Cause{{Sink: "s2", State: "behind"}, {Sink: "s1", State: "failing"}}
	w.pass(1)
	for _, name := range []string{"a", "c", "d", "late"} {
		w.causes[name] = []Cause{parked}
	}
	w.pass(80)
	w.want("mail: failed b/s1 failing , failed a/ parked rejected, failed c/ parked rejected", "chat: failed d/ parked rejected")
	w.pass(30)
	w.want("mail: failed late/ parked rejected")
	delete(w.causes, "b")
	w.pass(5)
	w.want("mail: recovered b/s1 delivered ")
}

func TestFailedRunsAreRetried(t *testing.T) {
	w := newScenario(t, map[string]Rule{"a": mail(time.Second)})
	w.causes["a"] = []Cause{parked}
	w.fails = 3
	w.pass(12)
	line := "mail: failed a/ parked rejected"
	w.want(line, line, line, line)
	// A failure that ended before its run succeeded was never reported.
	w = newScenario(t, map[string]Rule{"a": mail(time.Second)})
	w.causes["a"] = []Cause{parked}
	w.fails = 100
	w.pass(10)
	delete(w.causes, "a")
	w.log, w.fails = nil, 0
	w.pass(100)
	w.want()
}

func TestFlappingRecovery(t *testing.T) {
	w := newScenario(t, map[string]Rule{"a": mail(time.Second)})
	w.causes["a"] = []Cause{parked}
	w.pass(5)
	w.log = nil
	delete(w.causes, "a")
	w.fails = 1
	w.pass(2)
	w.want("mail: recovered a/ valid rejected")
	w.causes["a"] = []Cause{parked}
	w.pass(100)
	w.want()
	delete(w.causes, "a")
	w.pass(3)
	w.want("mail: recovered a/ valid rejected")
}

// TestDefaultRule: credentials without their own rule use the default, and
// removed credentials are dropped.
func TestDefaultRule(t *testing.T) {
	w := newScenario(t, nil)
	w.causes["a"], w.causes["b"] = []Cause{parked}, []Cause{parked}
	page := Rule{Command: []string{"page"}, After: time.Second, Timeout: time.Second}
	rules := Rules{Default: &page, Own: map[string]Rule{"b": mail(time.Second)}}
	w.Adopt(rules, func(string) bool { return true })
	w.pass(5)
	w.want("mail: failed b/ parked rejected", "page: failed a/ parked rejected")
	w.Adopt(rules, func(name string) bool { return name == "b" })
	if len(w.Entries) != 1 {
		t.Errorf("got %d entries, want only that of b", len(w.Entries))
	}
}

// TestCrash: a run that was started is not repeated; a run that was due is
// made.
func TestCrash(t *testing.T) {
	path := t.TempDir() + "/book.json"
	again := func(w *scenario) *scenario {
		t.Helper()
		if err := w.save(path); err != nil {
			t.Fatal(err)
		}
		next := newScenario(t, nil)
		if err := next.load(path); err != nil {
			t.Fatal(err)
		}
		next.rules, next.now, next.causes = w.rules, w.now, w.causes
		return next
	}
	w := newScenario(t, map[string]Rule{"a": mail(time.Minute)})
	w.causes["a"] = []Cause{parked}
	w.pass(50)
	w = again(w) // the time continues
	w.pass(11)
	w = again(w) // due
	w.now = w.now.Add(time.Second)
	if batches := w.Due(w.now); len(batches) != 1 || !w.Changed {
		t.Fatalf("got batches %v", batches)
	}
	w = again(w) // started
	if got := fmt.Sprint(w.CutOff()); got != "[a]" {
		t.Errorf("CutOff = %s, want [a]", got)
	}
	w.pass(100)
	w.want()
	delete(w.causes, "a")
	w.pass(3)
	w.want("mail: recovered a/ valid rejected")
}

func TestForgotten(t *testing.T) {
	w := newScenario(t, map[string]Rule{"a": mail(time.Second), "b": mail(time.Second)})
	w.causes["a"], w.causes["b"], w.causes["none"] = []Cause{parked}, []Cause{parked}, []Cause{parked}
	w.pass(1)
	w.adopt(map[string]Rule{"b": mail(time.Second)})
	w.pass(5)
	w.want("mail: failed b/ parked rejected")
	if len(w.Entries) != 1 {
		t.Errorf("got entries %v, want 1", w.Entries)
	}
	// After the clock is set back, a cause lasts only from then on.
	w.adopt(map[string]Rule{"b": mail(time.Second), "a": mail(time.Minute)})
	w.pass(1)
	w.now = w.now.Add(-time.Hour)
	w.pass(63)
	w.want("mail: failed a/ parked rejected")
}
