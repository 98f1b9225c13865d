package schedule

import (
	"testing"
	"time"
)

// A shared command waits for a sink that is being checked, and does not run a second
// time for that sink alone.
func TestASharedCommandWaitsForALook(t *testing.T) {
	tasks := []*Task{obtaining("a")}
	for _, sink := range []string{"s", "t"} {
		hook := hooking(sink)
		hook.Extra = &Extra{Together: "restart"}
		tasks = append(tasks, delivering(sink, "a"), hook)
	}
	r := newRig(t, []Group{provider("p", 8)}, tasks...)
	r.expect("a")
	r.obtain("a", time.Hour)
	r.expect("sink:s sink:t")
	r.deliver("sink:s", true)
	r.Kick(r.now, Key{Delivering, "s"}) // The watcher saw the file change.
	r.expect("sink:s")
	r.deliver("sink:t", true)
	r.expect("")
	r.deliver("sink:s", false)
	r.expect("hook:s hook:t")
	r.hooked("hook:s")
	r.hooked("hook:t")
	r.expect("")
}
