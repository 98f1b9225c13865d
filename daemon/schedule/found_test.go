package schedule

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

var someSchedules = func() []*Cron {
	var all []*Cron
	for _, expr := range []string{"@every 1m", "*/15 * * * *", "0 3 * * *"} {
		c, err := ParseCron(expr, saoPaulo)
		if err != nil {
			panic(err)
		}
		all = append(all, c)
	}
	return all
}()

// found creates the first configuration.
func (w *world) found() {
	for i := range 1 + w.dice.n(3) {
		n := fmt.Sprint("p", i)
		w.groups[n] = w.someGroup(n)
		w.model.providers[n] = &providerModel{}
	}
	for i := range 1 + w.dice.n(6) {
		w.addCredential(fmt.Sprint("c", i))
	}
	for i := range w.dice.n(3) {
		w.addSink(fmt.Sprint("s", i))
	}
}

func (w *world) someGroup(n string) Group {
	g := Group{Name: n, Concurrency: pick(w.dice, 8, 1, 2)}
	switch w.dice.n(6) {
	case 0:
		g.Rates = []Rate{{pick(w.dice, 1, 4, 20), time.Second}}
	case 1:
		g.Rates = []Rate{{2, time.Minute}}
	case 2:
		g.Rates = []Rate{{10, time.Second}, {12, time.Minute}, {30, time.Hour}}
	}
	return g
}

func (w *world) somePolicy() *Policy {
	return &Policy{
		RenewBefore:    pick(w.dice, Margin{Share: 0.25}, Margin{}, Margin{Share: 0.5}, Margin{Share: 0.95}, Margin{Fixed: 10 * time.Second}, Margin{Fixed: 30 * time.Minute}, Margin{Fixed: 5 * day}),
		OwnRenewBefore: w.dice.n(2) == 0,
		MaxAge:         pick(w.dice, day, time.Hour, time.Minute),
		Schedule:       pick(w.dice, nil, nil, nil, someSchedules[0], someSchedules[1], someSchedules[2]),
		Jitter:         pick(w.dice, Margin{Share: 0.05}, Margin{}, Margin{Share: 0.9}, Margin{Fixed: 10 * time.Minute}),
		MinInterval:    pick(w.dice, 30*time.Second, time.Second, 5*time.Second, 2*time.Minute, time.Hour),
		Timeout:        30 * time.Second,
	}
}

// names returns the names of the tasks of one kind.
func (w *world) names(kind Kind) []string {
	var names []string
	for key := range w.tasks {
		if key.Kind == kind {
			names = append(names, key.Name)
		}
	}
	slices.Sort(names)
	return names
}

// someOf chooses some of the credentials.
func (w *world) someOf(names []string, most int) (chosen []string) {
	for _, n := range names {
		if len(chosen) < most && w.dice.n(2) == 0 {
			chosen = append(chosen, n)
		}
	}
	return chosen
}

func (w *world) addCredential(n string) {
	var before []string
	for _, o := range w.names(Obtaining) {
		if o < n { // no cycles
			before = append(before, o)
		}
	}
	task := &Task{Key: Key{Obtaining, n}, Group: pick(w.dice, w.providers()...), Policy: w.somePolicy(), Identity: "id", Inputs: "in"}
	if old := w.known[n]; old != nil {
		// A name that returns has its former meaning.
		task.Identity, task.Inputs = old.Identity, old.Inputs
	}
	if w.dice.n(3) == 0 {
		task.Needs = w.someOf(before, 2)
	}
	w.say("%s is added or passed again", n)
	w.tasks[task.Key], w.known[n] = task, task
	if w.model.credentials[n] == nil {
		w.model.credentials[n] = &credentialModel{}
	}
}

func (w *world) providers() []string { return slices.Sorted(maps.Keys(w.groups)) }

func (w *world) addSink(n string) {
	needs := w.someOf(w.names(Obtaining), 3)
	if len(needs) == 0 {
		return
	}
	key := Key{Delivering, n}
	w.tasks[key] = &Task{Key: key, Group: SinkGroup, Needs: needs, Target: fmt.Sprint("target ", needs)}
	if w.dice.n(2) == 0 {
		hook := Key{Hooking, n}
		w.tasks[hook] = &Task{Key: hook, Group: HookGroup}
	}
	if w.model.sinks[n] == nil {
		// A hook that is still running keeps its record.
		w.model.sinks[n] = &sinkModel{ran: w.store[Key{Hooking, n}].Ran()}
	}
}

// change replaces one task with a changed copy.
func (w *world) change(key Key, edit func(*Task)) {
	copied := *w.tasks[key]
	edit(&copied)
	w.tasks[key] = &copied
	if key.Kind == Obtaining {
		w.known[key.Name] = &copied
	}
}

// reconfigure changes one thing.
func (w *world) reconfigure() {
	names := w.names(Obtaining)
	if len(names) == 0 {
		w.addCredential("c0")
		w.install(Memory{})
		return
	}
	key := Key{Obtaining, pick(w.dice, names...)}
	c, rates := w.model.credentials[key.Name], ""
	switch w.dice.n(10) {
	case 0, 1:
		w.say("other timing for %s", key.Name)
		w.change(key, func(t *Task) { t.Policy = w.somePolicy() })
		c.wait, c.asks = 0, 0
	case 2:
		w.say("other inputs for %s", key.Name)
		w.change(key, func(t *Task) { t.Inputs += "+" })
		c.stale = ""
	case 3:
		w.say("other identity for %s", key.Name)
		w.change(key, func(t *Task) { t.Identity += "+" })
		c.stale = ""
	case 4:
		w.change(key, func(t *Task) { t.Group = pick(w.dice, w.providers()...) })
		w.say("%s moves to %s", key.Name, w.tasks[key].Group)
	case 5:
		w.remove(key.Name)
	case 6:
		w.addCredential(fmt.Sprint("c", w.dice.n(7)))
	case 7:
		rates = pick(w.dice, w.providers()...)
		w.groups[rates] = w.someGroup(rates)
		w.say("%s is now %+v", rates, w.groups[rates])
	case 8:
		w.removeSink(fmt.Sprint("s", w.dice.n(3)))
	case 9:
		n := fmt.Sprint("s", w.dice.n(3))
		w.removeSink(n)
		w.addSink(n)
	}
	w.install(Memory{})
	if rates != "" {
		w.replayed = w.elapsed
		w.replays++
		w.model.forgetCalls(w, rates)
	}
}

// remove removes a credential and all references to it from the configuration.
func (w *world) remove(n string) {
	w.say("%s is removed", n)
	delete(w.tasks, Key{Obtaining, n})
	for key, task := range w.tasks {
		if !slices.Contains(task.Needs, n) {
			continue
		}
		if key.Kind == Delivering {
			w.removeSink(key.Name)
			continue
		}
		w.change(key, func(t *Task) {
			t.Needs = slices.DeleteFunc(slices.Clone(t.Needs), func(need string) bool { return need == n })
		})
	}
}

func (w *world) removeSink(n string) {
	delete(w.tasks, Key{Delivering, n})
	delete(w.tasks, Key{Hooking, n})
}

// install applies the configuration and updates the model.
func (w *world) install(memory Memory) {
	groups := localGroups()
	for _, n := range w.providers() {
		groups = append(groups, w.groups[n])
	}
	var tasks []*Task
	for _, key := range slices.SortedFunc(maps.Keys(w.tasks), Key.Compare) {
		tasks = append(tasks, w.tasks[key])
	}
	for _, key := range w.b.install(w.now, groups, tasks, memory) {
		if w.tasks[key] != nil || w.runs[key] != nil {
			w.broken("%s was reported as removed", name(key))
		}
		w.forget(key)
	}
	for n := range w.known {
		if w.tasks[Key{Obtaining, n}] == nil && w.b.Forget(n) {
			w.forget(Key{Obtaining, n}) // somebody types vigente forget
		}
	}
	w.storeMoved()
	if memory.Records != nil {
		w.model.recover(w)
	}
	for key, task := range w.tasks {
		if key.Kind != Obtaining {
			continue
		}
		c := w.model.credentials[key.Name]
		if c.identity != "" && c.identity != task.Identity {
			c.drop()
		}
		s, _ := w.b.Look(w.now, key)
		w.checkMoved(c, key)
		// A borrowed value does not belong to the current identity.
		if got := s.Record.Previous().Values["token"].Reveal(); got != c.text {
			w.broken("after an install %s: got %q, want %q", key.Name, got, c.text)
		}
		if r := w.runs[key]; r != nil && r.provider != "" {
			r.provider = task.Group
		}
	}
}

// checkMoved follows an expiry computed from max_age: it may move with the
// configuration, but only into the future.
func (w *world) checkMoved(c *credentialModel, key Key) {
	if !c.policy || c.text == "" {
		return
	}
	s, _ := w.b.Look(w.now, key)
	got := s.Record.Token().ExpiresAt
	// A move is not stored before the next attempt ends: a restart may undo it.
	stored := w.store[s.Task.Key].Token().ExpiresAt
	if !got.Equal(c.expires) && !got.Equal(stored) && (!got.Equal(s.Record.Token().IssuedAt.Add(s.Task.Policy.MaxAge)) || !got.After(w.now)) {
		w.broken("%s: expiry by max_age: got %s, want after %s", s.Task.Name, got, c.expires)
	}
	if !got.Equal(c.expires) {
		c.expires, c.asks = got, 0
	}
}

// describe prints the configuration, for failure reports.
func (w *world) describe() string {
	var b strings.Builder
	for _, n := range w.providers() {
		fmt.Fprintf(&b, "%+v\n", w.groups[n])
	}
	for _, key := range slices.SortedFunc(maps.Keys(w.tasks), Key.Compare) {
		t := w.tasks[key]
		fmt.Fprintf(&b, "%s of %s, needs %v, %+v\n", name(key), t.Group, t.Needs, t.Policy)
	}
	return b.String()
}
