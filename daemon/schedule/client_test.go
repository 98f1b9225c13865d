package schedule

import (
	"reflect"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func client(name string) func(*Task) { return func(t *Task) { t.Extra = &Extra{Client: name} } }

func refusedClient(f *credential.Fault) { f.ClientRefused = true }

// TestRefusedClientIsShownOnce: every credential with the refused id and secret at the
// same address is parked, whatever its provider, also after a restart and when newly
// added. Another secret and a manual request cause one attempt.
func TestRefusedClientIsShownOnce(t *testing.T) {
	groups := []Group{provider("p", 1), provider("q", 1)}
	tasks := func(inputs string) []*Task {
		return []*Task{
			obtaining("a", client("c")), obtaining("b", client("c")), obtaining("c", client("c"), in("q")),
			obtaining("d", client("other"), in("q")), obtaining("e", client("c"), func(t *Task) { t.Inputs = inputs }),
		}
	}
	b := New(1)
	b.install(instant0, groups, tasks("in-1"), Memory{})
	starts, _ := b.Due(instant0)
	var first Start
	for _, s := range starts {
		if s.Task.More().Client == "c" && first.Task == nil {
			first = s
			continue
		}
		b.Return(instant0, s, Hold{})
	}
	res := refused(instant0, credential.ReasonRejected, refusedClient)
	b.Fold(instant0, first, Advance(first.Task, Begin(first.Record, instant0), res, 1), res)
	records := map[Key]Record{}
	for _, name := range []string{"a", "b", "c", "e"} {
		got, _ := b.Look(after(time.Second), Key{Obtaining, name})
		if !got.Record.Past.Parked || got.Record.Past.Last == nil {
			t.Errorf("%s is not parked", name)
		}
		records[Key{Obtaining, name}] = got.Record
	}
	if corrections := b.Corrections(); len(corrections) != 3 {
		t.Errorf("%d records are to be saved, want the three that were parked with it", len(corrections))
	}
	if starts, _ := b.Due(after(time.Hour)); len(starts) != 1 || starts[0].Task.Name != "d" {
		t.Errorf("%d start an hour later, want the other client alone", len(starts))
	}

	later := New(1)
	more := append(tasks("in-2"), obtaining("new", client("c")))
	later.install(after(time.Minute), groups, more, Memory{Records: records})
	names := map[string]bool{}
	starts, _ = later.Due(after(2 * time.Minute))
	for _, s := range starts {
		names[s.Task.Name] = true
	}
	if len(names) != 2 || !names["d"] || !names["e"] {
		t.Errorf("after a restart %v start, want the other client and the one with another secret", names)
	}
}

// TestClientThatIsGoodAgainFreesAll: one success shows that the secret is accepted.
func TestClientThatIsGoodAgainFreesAll(t *testing.T) {
	b := New(1)
	one, other := obtaining("a", client("c")), obtaining("b", client("c"))
	b.install(instant0, []Group{provider("p", 2)}, []*Task{one, other}, Memory{})
	starts, _ := b.Due(instant0)
	for _, s := range starts {
		res := refused(instant0, credential.ReasonRejected, refusedClient)
		b.Fold(instant0, s, Advance(s.Task, Begin(s.Record, instant0), res, 1), res)
	}
	now := after(time.Hour)
	b.Kick(now, one.Key)
	starts, _ = b.Due(now)
	if len(starts) != 1 {
		t.Fatalf("%d start when somebody asks, want one", len(starts))
	}
	res := answered(now, token("first", after(3*time.Hour)))
	b.Fold(now, starts[0], Advance(starts[0].Task, Begin(starts[0].Record, now), res, 1), res)
	starts, _ = b.Due(now)
	if len(starts) != 1 || starts[0].Task.Name != "b" {
		t.Errorf("%d start after the success, want the other one", len(starts))
	}
}

// TestAClientIsRefusedForAllMachines: a record from another machine that says that a
// client was refused parks every credential with that client here, and a success
// unparks them.
func TestAClientIsRefusedForAllMachines(t *testing.T) {
	b := New(1)
	tasks := []*Task{obtaining("a", client("c")), obtaining("b", client("c")), obtaining("d", client("other"))}
	b.install(instant0, []Group{provider("p", 4)}, tasks, Memory{})
	parked := func(name string) bool {
		look, _ := b.Look(after(time.Hour), Key{Obtaining, name})
		return look.Record.Past.Parked
	}
	res := refused(instant0, credential.ReasonRejected, refusedClient)
	theirs := Advance(tasks[0], Begin(Record{}, instant0), res, 1)
	other := theirs
	held := other.Token()
	held.Inputs = "of another machine"
	other.Part = held
	if !b.Learn(after(time.Second), tasks[0].Key, other) || parked("b") {
		t.Error("b is parked for a secret that is not the one of this machine")
	}
	if !b.Learn(after(time.Second), tasks[0].Key, theirs) || !parked("a") || !parked("b") || parked("d") {
		t.Errorf("parked are a %v, b %v and d %v, want a and b", parked("a"), parked("b"), parked("d"))
	}
	issued := token("first", after(3*time.Hour))
	issued.IssuedAt = after(time.Minute)
	good := answered(after(time.Minute), issued)
	theirs = Advance(tasks[0], Begin(theirs, after(time.Minute)), good, 1)
	if !b.Learn(after(2*time.Minute), tasks[0].Key, theirs) || parked("a") || parked("b") {
		t.Errorf("parked are still a %v and b %v", parked("a"), parked("b"))
	}
}

// TestARecordFromElsewhereKeepsARefusedClientParked: the record of one credential may
// come from a machine that has not heard yet that the client was refused for another.
func TestARecordFromElsewhereKeepsARefusedClientParked(t *testing.T) {
	b := New(1)
	tasks := []*Task{obtaining("a", client("c")), obtaining("b", client("c"))}
	b.install(instant0, []Group{provider("p", 4)}, tasks, Memory{})
	parked := func() bool {
		look, _ := b.Look(after(time.Hour), tasks[1].Key)
		return look.Record.Past.Parked
	}
	issued := token("first", after(3*time.Hour))
	issued.IssuedAt = instant0
	theirs := Advance(tasks[1], Begin(Record{}, instant0), answered(instant0, issued), 1)
	if !b.Learn(after(time.Second), tasks[1].Key, theirs) || parked() {
		t.Fatal("b is not learned")
	}
	refusal := Advance(tasks[0], Begin(Record{}, after(time.Minute)), refused(after(time.Minute), credential.ReasonRejected, refusedClient), 1)
	if !b.Learn(after(time.Minute), tasks[0].Key, refusal) || !parked() {
		t.Fatal("b is not parked with its client")
	}
	if !b.Learn(after(2*time.Minute), tasks[1].Key, theirs) || !parked() {
		t.Error("b is free again after a record that is no newer")
	}
	issued.IssuedAt = after(3 * time.Minute)
	theirs = Advance(tasks[1], Begin(theirs, after(3*time.Minute)), answered(after(3*time.Minute), issued), 1)
	if !b.Learn(after(3*time.Minute), tasks[1].Key, theirs) || parked() {
		t.Error("b is parked although its client was accepted")
	}
}

// TestClientsAreSortedOncePerChange: refusals of one client after another do not look
// at the whole board each time, and a client that a configuration has changed counts as
// it is now.
func TestClientsAreSortedOncePerChange(t *testing.T) {
	b := New(1)
	groups := []Group{provider("p", 4)}
	tasks := []*Task{obtaining("a", client("c")), obtaining("b", client("c")), obtaining("d", client("other")), obtaining("e", client("third"))}
	b.install(instant0, groups, tasks, Memory{})
	fold := func(now time.Time, name string) {
		t.Helper()
		b.Kick(now, Key{Obtaining, name})
		starts, _ := b.Due(now)
		for _, s := range starts {
			if s.Task.Name != name {
				b.Return(now, s, Hold{})
				continue
			}
			res := refused(now, credential.ReasonRejected, refusedClient)
			b.Fold(now, s, Advance(s.Task, Begin(s.Record, now), res, 1), res)
		}
	}
	parked := func(name string) bool {
		look, _ := b.Look(after(time.Hour), Key{Obtaining, name})
		return look.Record.Past.Parked
	}
	if b.clients != nil {
		t.Error("clients are sorted before one is refused")
	}
	fold(instant0, "e")
	before := reflect.ValueOf(b.clients).Pointer()
	fold(after(time.Hour), "d")
	if is := reflect.ValueOf(b.clients).Pointer(); before == 0 || is != before {
		t.Error("the second refusal sorted the clients again")
	}
	b.Apply(after(2*time.Hour), Change{Groups: groups, Tasks: []*Task{obtaining("b", client("fourth"))}})
	fold(after(3*time.Hour), "a")
	if !parked("a") || parked("b") {
		t.Errorf("parked are a %v and b %v, want a alone: b has another client now", parked("a"), parked("b"))
	}
}
