package cluster

import (
	"errors"
	"strings"
	"testing"
	"time"
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
