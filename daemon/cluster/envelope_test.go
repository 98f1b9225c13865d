package cluster

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"
)

// A sealed record opens only with its key, in its cluster, under its name, and with its
// generation and format.
func TestARecordOpensOnlyWhereItWasSealed(t *testing.T) {
	t.Parallel()
	ring := func(cluster string, key byte, old ...[32]byte) *keyring {
		k, err := newKeyring(cluster, [32]byte{key}, old...)
		must(t, err)
		return k
	}
	sealed, err := ring("/a", 1).seal("c/u6", 7, Shared{Serial: 3})
	must(t, err)
	changed := func(at int) []byte {
		b := bytes.Clone(sealed)
		b[at] ^= 1
		return b
	}
	for name, c := range map[string]struct {
		ring   *keyring
		key    string
		sealed []byte
		want   error
	}{
		"itself":             {ring("/a", 1), "c/u6", sealed, nil},
		"an old key":         {ring("/a", 2, [32]byte{1}), "c/u6", sealed, nil},
		"another name":       {ring("/a", 1), "c/u7", sealed, errSealed},
		"another cluster":    {ring("/b", 1), "c/u6", sealed, errSealed},
		"a name that moved":  {ring("/a/c", 1), "u6", sealed, errSealed},
		"another key":        {ring("/a", 2), "c/u6", sealed, errSealed},
		"another generation": {ring("/a", 1), "c/u6", changed(envelopeHead - 1), errSealed},
		"another nonce":      {ring("/a", 1), "c/u6", changed(envelopeHead), errSealed},
		"another content":    {ring("/a", 1), "c/u6", changed(len(sealed) - 1), errSealed},
		"half of it":         {ring("/a", 1), "c/u6", sealed[:len(sealed)/2], errSealed},
		"nothing":            {ring("/a", 1), "c/u6", nil, errSealed},
		"a newer format":     {ring("/a", 1), "c/u6", append([]byte{envelopeFormat + 1}, sealed[1:]...), errNewer},
	} {
		var s Shared
		if err := c.ring.open(c.key, c.sealed, &s); !errors.Is(err, c.want) || (err == nil) != (s.Serial == 3) {
			t.Errorf("%s: opened with %v and serial %d, want %v", name, err, s.Serial, c.want)
		}
	}
	rotated, err := ring("/a", 2, [32]byte{1}).seal("c/u6", 7, Shared{})
	must(t, err)
	if err := ring("/a", 1).open("c/u6", rotated, &Shared{}); !errors.Is(err, errSealed) {
		t.Errorf("an old key opens what was sealed after the rotation: %v", err)
	}
}

// A record of another credential, put in place of this one, is refused, said and
// overwritten by the machines that hold the real one.
func TestARecordOfAnotherNameIsRefused(t *testing.T) {
	play(t, Spends, func(t *testing.T, w *testCluster, a, b *node) {
		must(t, a.renew(nil))
		pass(time.Second)
		moved, err := a.cluster.keys.seal("c/u7", 9, Shared{Serial: 99, Value: Value{Version: Version{Generation: 9, Issued: time.Now().UnixNano()}}})
		must(t, err)
		w.kv.mu.Lock()
		w.kv.set(Entry{Key: "c/u6", Value: moved}, 1)
		w.kv.mu.Unlock()
		pass(5 * time.Second)
		if s := w.shared(t); s.Generation != 1 {
			t.Errorf("shared generation %d, want 1", s.Generation)
		}
		if !strings.Contains(strings.Join(append(a.said, b.said...), "\n"), "shared record refused: u6 it does not open") {
			t.Errorf("not said: %q, %q", a.said, b.said)
		}
		must(t, b.renew(nil))
		pass(time.Second)
		w.same(2)
	})
}

// A record of a newer format is not written over, whatever a machine holds or does, and
// nothing is called for it.
func TestARecordOfANewerFormatIsLeftAlone(t *testing.T) {
	for _, ability := range []Ability{Plain, Spends} {
		play(t, ability, func(t *testing.T, w *testCluster, a, b *node) {
			must(t, a.renew(nil))
			pass(time.Second)
			newer := append([]byte{envelopeFormat + 1}, "what a later version wrote"...)
			w.kv.mu.Lock()
			w.kv.set(Entry{Key: "c/u6", Value: newer}, 1)
			w.kv.mu.Unlock()
			pass(5 * time.Second)
			b.kill()
			b = w.start("b")
			c := w.start("c")
			pass(time.Minute)
			calls := w.issued
			for _, n := range []*node{a, b, c} {
				refused(t, n.renew(nil), "a newer version of vigente keeps its record")
				if said := strings.Join(n.said, "\n"); !strings.Contains(said, "record of a newer version left alone") {
					t.Errorf("%s does not say so: %q", n.name, said)
				}
			}
			pass(time.Minute)
			if got := w.kv.copy()["c/u6"].Value; !bytes.Equal(got, newer) || w.issued != calls {
				t.Errorf("ability %d: got %d calls, and the record is %q", ability, w.issued-calls, got)
			}
			if g := a.record().Token().Generation; g != 1 { // it stays delivered
				t.Errorf("ability %d: a holds generation %d, want 1", ability, g)
			}
		})
	}
}
