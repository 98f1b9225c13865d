package cluster

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// A refused secret is parked on machines with the same bytes, and tried once on machines
// with another one, including machines that join later.
func TestARefusedSecretIsKnownByItsBytes(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
		c := w.startWith("c", "2")
		pass(5 * time.Second)
		must(t, a.renew(nil))
		pass(time.Second)
		refuse := func(n *node) {
			t.Helper()
			if err := n.renew(func() error { return errRefused }); !errors.Is(err, errRefused) {
				t.Errorf("%s: %v", n.name, err)
			}
			pass(time.Second)
		}
		shows := func(n *node, parked bool, inputs string) {
			t.Helper()
			if r := n.record(); r.Past.Parked != parked || r.Token().Inputs != inputs {
				t.Errorf("%s: parked %v with the inputs %q, want %v with %q", n.name, r.Past.Parked, r.Token().Inputs, parked, inputs)
			}
		}
		refuse(a)
		shows(a, true, "in 1")
		shows(b, true, "in 1")
		shows(c, true, foreignInputs) // its board tries its own secret
		refuse(c)
		for _, n := range []*node{a, b} {
			shows(n, true, "in 1") // no machine starts again with a secret that was refused before
		}
		shows(c, true, "in 2")
		d, e := w.startWith("d", "2"), w.startWith("e", "3")
		pass(5 * time.Second)
		shows(d, true, "in 2")
		shows(e, true, foreignInputs)
		must(t, e.renew(nil))
		pass(time.Second)
		w.same(2)
		for _, n := range []*node{a, b, c, d, e} {
			shows(n, false, n.inputs())
		}
		var s Shared
		sealed := w.kv.copy()["c/u6"].Value
		if err := a.cluster.keys.open("c/u6", sealed, &s); err != nil || s.Refused != "" {
			t.Errorf("after a success %q is kept, %v", s.Refused, err)
		}
		if strings.Contains(string(sealed), "value of") {
			t.Error("the record is not sealed")
		}
	})
}

// What a machine corrects in its own record stays, also after a restart at which nothing
// was exchanged: a credential is parked for its client, and no older record of the
// others frees it.
func TestACorrectionStaysAfterARestart(t *testing.T) {
	play(t, Plain, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, b.renew(nil))
		pass(time.Second)
		a.kill()
		a = w.start("a")
		pass(5 * time.Second)
		r := a.record()
		r.Past.Parked, r.Past.ClientRefused, r.Past.Last = true, true, &schedule.Note{Reason: credential.ReasonRejected}
		a.mu.Lock()
		a.board = r
		a.mu.Unlock()
		must(t, a.cluster.Write(t.Context(), engine.Batch{Records: map[schedule.Key]schedule.Record{key: r}}))
		before, _ := w.kv.writtenUnder(credentialPrefix)
		pass(10 * time.Second)
		if after, _ := w.kv.writtenUnder(credentialPrefix); after-before > 2 {
			t.Errorf("the machines wrote %d times", after-before)
		}
		if !a.record().Past.Parked {
			t.Error("a is free again")
		}
		if b.record().Past.Parked {
			t.Error("b is parked by a correction that is not its own")
		}
	})
}
