package store

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/vigented/vigente/daemon/schedule"
)

// wantRefusedOrSame opens a file with the content data: it either holds
// exactly what is wanted, or is refused with an error that names it; it is
// never changed, and nothing panics.
func wantRefusedOrSame(t *testing.T, name string, data []byte, key *[32]byte, want State) (refused bool) {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "vigente-test-")
	if err != nil {
		dir = t.TempDir()
	}
	defer os.RemoveAll(dir)
	write(t, dir, data)
	s, err := Open(dir, Options{Key: key})
	var got State
	if err == nil {
		got, err = s.Load()
		shut(t, s)
	}
	if !bytes.Equal(read(t, dir), data) {
		t.Errorf("%s: the file was changed", name)
	}
	if err == nil {
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: loads something else, %d of %d records", name, len(got.Records), len(want.Records))
		}
		return false
	}
	text := err.Error()
	if !strings.Contains(text, filepath.Join(dir, fileName)) || !strings.Contains(text, "move the file away") && !strings.Contains(text, "newer") {
		t.Errorf("%s: the error does not name the file and the cure: %v", name, err)
	}
	if strings.Contains(text, canary) || strings.Contains(text, "\n") {
		t.Errorf("%s: the error repeats what is stored: %q", name, text)
	}
	return true
}

// sample is a state that was written to more than once, with a tree of more
// than one level.
func sample(t *testing.T, key *[32]byte) ([]byte, State) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, key)
	save(t, s, records(36))
	save(t, s, records(18))
	for i := range 10 {
		if err := s.SaveProvider(t.Context(), fmt.Sprint("provider-", i), schedule.ProviderRecord{Throttles: i}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), schedule.Key{Name: "task-0003"}); err != nil {
		t.Fatal(err)
	}
	want := load(t, s)
	shut(t, s)
	return read(t, dir), want
}

func TestDamagedFiles(t *testing.T) {
	good, want := sample(t, nil)
	if wantRefusedOrSame(t, "good", good, nil, want) {
		t.Fatal("the good file is refused")
	}
	page := os.Getpagesize()
	for name, data := range map[string][]byte{
		"empty":            {},
		"one byte":         good[:1],
		"ten bytes":        good[:10],
		"header only":      good[:pageHeader+10],
		"first meta":       good[:pageHeader+metaLength],
		"one page":         good[:page],
		"one page and one": good[:page+1],
		"two pages":        good[:2*page],
		"three pages":      good[:3*page],
		"half":             good[:len(good)/2],
		"text":             []byte(strings.Repeat("not a database\n", 2000)),
		"zeros":            make([]byte, len(good)),
		"zeros at the end": append(bytes.Clone(good[:2*page]), make([]byte, len(good)-2*page)...),
		"first page gone":  append(make([]byte, page), good[page:]...),
		"second page gone": append(append(bytes.Clone(good[:page]), make([]byte, page)...), good[2*page:]...),
		"pages swapped":    append(append(bytes.Clone(good[:3*page]), good[4*page:5*page]...), append(bytes.Clone(good[3*page:4*page]), good[5*page:]...)...),
	} {
		// Half of a file may be all of it that is in use, and so may be the
		// pages that were left in place.
		if !wantRefusedOrSame(t, name, data, nil, want) && name != "half" && name != "pages swapped" {
			t.Errorf("%s: loads", name)
		}
	}
	for size := len(good); size > 0; size -= page/2 + 7 {
		wantRefusedOrSame(t, fmt.Sprint("cut to ", size), good[:size], nil, want)
	}
}

func TestFlippedBytes(t *testing.T) {
	for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {9}} {
		good, want := sample(t, key)
		rng := rand.New(rand.NewPCG(1, 2))
		refused := 0
		flip := func(at int) {
			data := bytes.Clone(good)
			data[at] ^= byte(1 + rng.IntN(255))
			if wantRefusedOrSame(t, fmt.Sprintf("%s, byte %d flipped", name, at), data, key, want) {
				refused++
			}
		}
		// Much of what steers, and a share of the rest.
		for at := 0; at < len(good); at += os.Getpagesize() {
			for range 4 {
				flip(at + rng.IntN(2*elementSize))
			}
		}
		for i := range pageHeader + metaLength {
			flip(i%2*os.Getpagesize() + i)
		}
		for range 250 {
			flip(rng.IntN(len(good)))
		}
		if refused < 100 {
			t.Errorf("%s: only %d files were refused: the flips meet nothing", name, refused)
		}
		t.Logf("%s: %d files refused, the others loaded the same", name, refused)
	}
}

// Several bytes at a time, in pages that are in use.
func TestManyFlippedBytes(t *testing.T) {
	good, want := sample(t, nil)
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		data := bytes.Clone(good)
		for range 1 + rng.IntN(20) {
			data[rng.IntN(len(data))] ^= byte(1 + rng.IntN(255))
		}
		wantRefusedOrSame(t, fmt.Sprint("seed ", seed), data, nil, want)
	}
}

// A name that runs into the value after it, or lies in it, is not shown.
func TestADamagedNameIsNotShown(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	save(t, s, map[schedule.Key]schedule.Record{loja: fullRecord()})
	e := entry{"credentials", "loja"}
	value := s.content.values[e]
	stored := append([]byte(e.name), value...)
	at := bytes.Index(value, []byte(canary)) + len(e.name)
	for name, part := range map[string]int{"too long": 0, "moved": at} {
		damaged := entry{e.bucket, string(stored[part : part+len(canary)])}
		if part == 0 {
			damaged.name = string(stored[:at+len(canary)])
		}
		s.content = newContent()
		s.content.values[damaged] = stored[part+len(damaged.name):]
		if _, err := s.Load(); err == nil || strings.Contains(err.Error(), canary) || !strings.Contains(err.Error(), "name is damaged") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A single record that is damaged is named.
func TestADamagedRecordIsNamed(t *testing.T) {
	for _, what := range []string{"bytes", "content"} {
		dir := t.TempDir()
		s := open(t, dir, nil)
		save(t, s, map[schedule.Key]schedule.Record{loja: fullRecord(), {Kind: schedule.Delivering, Name: "till"}: {}})
		if what == "content" { // stored well, but no record
			e := entry{"sinks", "till"}
			value, err := s.seal.close(e, []byte(`{"revision":"`+canary+`"}`))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.submit(t.Context(), e, value); err != nil {
				t.Fatal(err)
			}
		}
		shut(t, s)
		data := read(t, dir)
		if what == "bytes" {
			data = bytes.Replace(data, []byte(canary), []byte("CANARY-SECRET-"), -1)
			write(t, dir, data)
		}
		s = open(t, dir, nil)
		_, err := s.Load()
		want := map[string]string{"bytes": `credentials "loja"`, "content": `sinks "till"`}[what]
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), s.path()) || strings.Contains(err.Error(), canary) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// A damaged value beside the records is not passed over: with it goes the proof
// that the records are complete.
func TestADamagedMetaValue(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	if err := s.submit(t.Context(), entry{metaBucket, "later"}, []byte("neither place nor checksum")); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	if !wantRefusedOrSame(t, "damaged meta value", read(t, dir), nil, State{}) {
		t.Error("it opens")
	}
}

func TestForeignDatabases(t *testing.T) {
	for name, fill := range map[string]func(tx *bolt.Tx) error{
		"empty":         func(*bolt.Tx) error { return nil },
		"other bucket":  func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err },
		"other meta":    func(tx *bolt.Tx) error { return putOne(tx, entry{metaBucket, "version"}, []byte("1")) },
		"nested bucket": func(tx *bolt.Tx) error { return nest(tx) },
		"no number":     func(tx *bolt.Tx) error { return putOne(tx, metaFormat, []byte("one")) },
		"zero":          func(tx *bolt.Tx) error { return putOne(tx, metaFormat, []byte("0")) },
		"no seed":       func(tx *bolt.Tx) error { return putOne(tx, metaFormat, []byte("1")) },
	} {
		dir := t.TempDir()
		db, err := bolt.Open(filepath.Join(dir, fileName), 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(fill); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		for _, key := range []*[32]byte{nil, {1}} {
			if !wantRefusedOrSame(t, name, read(t, dir), key, State{}) {
				t.Errorf("%s: opens", name)
			}
			want := "no state of vigente"
			if name == "no seed" {
				want = "damaged"
			}
			if _, err := Open(dir, Options{Key: key}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: told %v, want %q", name, err, want)
			}
		}
	}
}

func nest(tx *bolt.Tx) error {
	b, err := tx.CreateBucket([]byte("outer"))
	if err != nil {
		return err
	}
	_, err = b.CreateBucket([]byte("inner"))
	return err
}

// A value directly under the root is none of ours either; the library cannot
// write such a thing, so that the walker is asked.
func TestElementsThatMakeNoSense(t *testing.T) {
	w := &walker{}
	leaf := func(flags uint32, key, value string) []byte {
		p := make([]byte, pageHeader+elementSize)
		p[8], p[10] = flagLeaf, 1
		e := p[pageHeader:]
		e[0], e[4], e[8], e[12] = byte(flags), elementSize, byte(len(key)), byte(len(value))
		return append(append(p, key...), value...)
	}
	for name, tt := range map[string]struct {
		page, bucket []byte
		want         error
	}{
		"value under the root":   {leaf(0, "k", "v"), nil, errForeign},
		"bucket in a bucket":     {leaf(1, "k", "v"), []byte("b"), errForeign},
		"unknown flag":           {leaf(2, "k", "v"), []byte("b"), errDamaged},
		"short bucket":           {leaf(1, "k", "v"), nil, errDamaged},
		"inline branch":          {leaf(1, "k", string(make([]byte, bucketHeader+pageHeader))), nil, errDamaged},
		"empty key":              {leaf(0, "", "v"), []byte("b"), errDamaged},
		"cut value":              {leaf(0, "k", "v")[:pageHeader+elementSize+1], []byte("b"), errDamaged},
		"more elements than fit": {append([]byte{8: flagLeaf, 10: 200, 15: 0}, make([]byte, 40)...), []byte("b"), errDamaged},
		"no kind of page":        {append([]byte{8: 8, 15: 0}, make([]byte, 40)...), []byte("b"), errDamaged},
		"branch of nothing":      {append([]byte{8: flagBranch, 15: 0}, make([]byte, 40)...), []byte("b"), errDamaged},
	} {
		if err := w.elements(tt.page, tt.bucket, nil, nil); err != tt.want {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if err := w.elements(leaf(0, "k", "v"), []byte("b"), []byte("l"), nil); err != errDamaged {
		t.Errorf("a key below its page: %v", err)
	}
	if err := w.elements(leaf(0, "k", "v"), []byte("b"), nil, []byte("k")); err != errDamaged {
		t.Errorf("a key beyond its page: %v", err)
	}
}

func TestANewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	if err := s.submit(t.Context(), metaFormat, []byte("2")); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	data := read(t, dir)
	if _, err := Open(dir, Options{Key: &[32]byte{1}}); err == nil || !strings.Contains(err.Error(), "newer vigente (format 2, this one knows 1)") {
		t.Errorf("a newer format opens with %v", err)
	}
	if !bytes.Equal(read(t, dir), data) {
		t.Error("the file was changed")
	}
}
