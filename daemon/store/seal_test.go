package store

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/schedule"
)

func TestASealedStateShowsNoSecret(t *testing.T) {
	for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {7}} {
		dir := t.TempDir()
		s := open(t, dir, key)
		for range 5 {
			save(t, s, records(20))
		}
		seed := s.Seed()
		shut(t, s)
		data := read(t, dir)
		if shown := bytes.Contains(data, []byte(canary)); shown != (key == nil) {
			t.Errorf("%s: secrets show: %v", name, shown)
		}
		if shown := bytes.Contains(data, seed[:]); shown != (key == nil) {
			t.Errorf("%s: the seed shows: %v", name, shown)
		}
		if !bytes.Contains(data, []byte("task-0000")) {
			t.Errorf("%s: names are expected to show", name)
		}
	}
}

// A state in clear is sealed when a key is set, and no page of the file keeps
// what was in clear.
func TestAStateInClearIsSealed(t *testing.T) {
	dir := t.TempDir()
	right := &[32]byte{1}
	s := open(t, dir, nil)
	want := records(40)
	save(t, s, want)
	seed := s.Seed()
	shut(t, s)
	s = open(t, dir, right)
	if got := load(t, s).Records; !reflect.DeepEqual(got, want) || s.Seed() != seed {
		t.Errorf("%d of %d records are left, the seed is kept: %v", len(got), len(want), s.Seed() == seed)
	}
	save(t, s, map[schedule.Key]schedule.Record{loja: fullRecord()})
	shut(t, s)
	if bytes.Contains(read(t, dir), []byte(canary)) {
		t.Error("the file still shows secrets")
	}
	before := read(t, dir)
	for want, key := range map[string]*[32]byte{"daemon.state_key is not set": nil, "daemon.state_key is not the key": {2}} {
		_, err := Open(dir, Options{Key: key})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), filepath.Join(dir, fileName)) {
			t.Errorf("told %v, want %q", err, want)
		}
	}
	if !bytes.Equal(read(t, dir), before) {
		t.Error("a refused key changed the file")
	}
	want[loja] = fullRecord()
	if got := load(t, open(t, dir, right)).Records; !reflect.DeepEqual(got, want) {
		t.Error("the records are not what they were")
	}
}

// A damaged record is not made good by sealing it.
func TestADamagedStateIsNotSealed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	save(t, s, map[schedule.Key]schedule.Record{loja: fullRecord()})
	shut(t, s)
	data := bytes.Replace(read(t, dir), []byte(canary), []byte("CANARY-SECRET-"), -1)
	write(t, dir, data)
	if _, err := Open(dir, Options{Key: &[32]byte{1}}); err == nil || !strings.Contains(err.Error(), `credentials "loja"`) {
		t.Errorf("a damaged record is sealed: %v", err)
	}
	if !bytes.Equal(read(t, dir), data) {
		t.Error("the file was changed")
	}
}

// Records cannot change places, nor be put back to what they were before.
func TestSealedRecordsCannotBeMovedOrSetBack(t *testing.T) {
	key := &[32]byte{1}
	forge := map[string]func(old, now content) map[entry][]byte{
		"moved": func(_, now content) map[entry][]byte {
			return map[entry][]byte{{"credentials", "outra"}: now.values[entry{"credentials", "loja"}]}
		},
		"moved to another kind": func(_, now content) map[entry][]byte {
			return map[entry][]byte{{"sinks", "outra"}: now.values[entry{"credentials", "loja"}]}
		},
		"set back": func(old, _ content) map[entry][]byte {
			return map[entry][]byte{{"credentials", "loja"}: old.values[entry{"credentials", "loja"}]}
		},
		"deleted": func(_, _ content) map[entry][]byte {
			return map[entry][]byte{{"credentials", "loja"}: nil}
		},
	}
	for name, make := range forge {
		dir := t.TempDir()
		s := open(t, dir, key)
		save(t, s, map[schedule.Key]schedule.Record{loja: {Revision: 1}, {Name: "outra"}: {Revision: 2}})
		old := content{values: map[entry][]byte{}}
		for e, v := range s.content.values {
			old.values[e] = v
		}
		save(t, s, map[schedule.Key]schedule.Record{loja: {Revision: 3}})
		// The forger can write the file, with checksums, but has no key: the
		// digest stays what it was.
		writes := make(old, s.content)
		for e, v := range writes {
			if v != nil {
				body := bytes.Clone(v)
				copy(body, checksumOf(e, v[checksumLength:]))
				writes[e] = body
			}
		}
		digest := s.content.digest
		if err := put(s.db, writes, s.seal, digest); err != nil {
			t.Fatal(err)
		}
		shut(t, s)
		before := read(t, dir)
		s, err := Open(dir, Options{Key: key})
		if err == nil {
			_, err = s.Load()
			shut(t, s)
		}
		if err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: loads with %v", name, err)
		}
		if !bytes.Equal(read(t, dir), before) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func checksumOf(e entry, body []byte) []byte {
	place, sum := checksum(e, nil), checksum(e, body)
	return []byte{
		byte(place), byte(place >> 8), byte(place >> 16), byte(place >> 24),
		byte(sum), byte(sum >> 8), byte(sum >> 16), byte(sum >> 24),
	}
}

// The key check tells a wrong key from a damaged file.
func TestADamagedKeyCheck(t *testing.T) {
	dir := t.TempDir()
	key := &[32]byte{1}
	s := open(t, dir, key)
	check := bytes.Clone(s.content.values[metaCheck])
	shut(t, s)
	data := read(t, dir)
	at := bytes.LastIndex(data, check)
	data[at+10] ^= 1
	write(t, dir, data)
	if _, err := Open(dir, Options{Key: key}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("a damaged key check: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, freshName)); err == nil {
		t.Error("a new file was begun")
	}
}

func TestNoncesAreNeverTheSame(t *testing.T) {
	s, err := newSealer(&[32]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 1000 {
		value, err := s.close(entry{"b", "n"}, []byte("x"))
		if err != nil || seen[string(value)] {
			t.Fatalf("sealed twice alike, %v", err)
		}
		seen[string(value)] = true
	}
	for _, short := range [][]byte{nil, {1}, checksumOf(entry{"b", "n"}, nil), append(checksumOf(entry{"b", "n"}, []byte("abc")), "abc"...)} {
		if _, err := s.open(entry{"b", "n"}, short); err == nil {
			t.Errorf("%x opens", short)
		}
	}
}
