package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"

	"github.com/vigented/vigente/daemon/schedule"
)

// legacyClose encodes a value as format 1 stored it.
func legacyClose(t testing.TB, key *[32]byte, p legacyPlace, plain []byte) []byte {
	t.Helper()
	value := make([]byte, legacySums)
	if key == nil {
		value = append(value, plain...)
	} else {
		block, err := aes.NewCipher(key[:])
		if err != nil {
			t.Fatal(err)
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			t.Fatal(err)
		}
		nonce := make([]byte, aead.NonceSize())
		_, _ = rand.Read(nonce)
		value = aead.Seal(append(value, nonce...), nonce, plain, p.bytes())
	}
	binary.LittleEndian.PutUint32(value, crc(p.bytes()))
	binary.LittleEndian.PutUint32(value[4:], crc(p.bytes(), value[legacySums:]))
	return value
}

// legacyValues returns the content of a state of format 1, including its digest.
func legacyValues(t testing.TB, key *[32]byte, seed [32]byte, state State) map[legacyPlace][]byte {
	t.Helper()
	values := map[legacyPlace][]byte{
		legacyVersion: []byte("1"),
		legacySeed:    legacyClose(t, key, legacySeed, seed[:]),
	}
	if key != nil {
		values[legacyCheck] = legacyClose(t, key, legacyCheck, []byte(legacyCheckText))
	}
	for k, r := range state.Records {
		p := legacyPlace{buckets[k.Kind], k.Name}
		plain, err := encodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		values[p] = legacyClose(t, key, p, plain)
	}
	for name, r := range state.Providers {
		p := legacyPlace{"providers", name}
		plain, err := encodeProvider(r)
		if err != nil {
			t.Fatal(err)
		}
		values[p] = legacyClose(t, key, p, plain)
	}
	var digest [16]byte
	for p, value := range values {
		h := sha256.Sum256(bytes.Join([][]byte{p.bytes(), value}, []byte{0}))
		for i := range digest {
			digest[i] ^= h[i]
		}
	}
	values[legacyDigest] = legacyClose(t, key, legacyDigest, digest[:])
	return values
}

// legacyFile writes values as format 1 did, in several transactions.
func legacyFile(t testing.TB, values map[legacyPlace][]byte) []byte {
	t.Helper()
	dir := t.TempDir()
	db, err := bolt.Open(filepath.Join(dir, fileName), 0o600, &bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for p, value := range values {
		err := db.Update(func(tx *bolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists([]byte(p.bucket))
			if err != nil {
				return err
			}
			return b.Put([]byte(p.name), value)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return read(t, dir)
}

func legacySample(t testing.TB, key *[32]byte) ([]byte, State) {
	t.Helper()
	want := State{records(36), map[string]schedule.ProviderRecord{}}
	for i := range 10 {
		want.Providers[fmt.Sprint("provider-", i)] = schedule.ProviderRecord{Throttles: i}
	}
	return legacyFile(t, legacyValues(t, key, [32]byte{3, 1}, want)), want
}

// TestALegacyStateIsTakenOver checks that a state of format 1 is converted and keeps its
// seed.
func TestALegacyStateIsTakenOver(t *testing.T) {
	for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {9}} {
		dir := t.TempDir()
		data, want := legacySample(t, key)
		write(t, dir, data)
		for range 2 {
			s := open(t, dir, key)
			if got := load(t, s); !reflect.DeepEqual(got, want) || s.Seed() != [32]byte{3, 1} {
				t.Errorf("%s: %d of %d records, seed %x", name, len(got.Records), len(want.Records), s.Seed())
			}
			shut(t, s)
		}
		if h, err := decodeHeader(read(t, dir)); err != nil || h.sealed != (key != nil) {
			t.Errorf("%s: left as %+v, %v", name, h, err)
		}
		if shown := bytes.Contains(read(t, dir), []byte(canary)); shown != (key == nil) {
			t.Errorf("%s: secrets show: %v", name, shown)
		}
	}
}

// TestALegacyStateThatIsNotTakenOver: with a key, only a sealed state without a mark is
// converted automatically.
func TestALegacyStateThatIsNotTakenOver(t *testing.T) {
	key := &[32]byte{9}
	for name, tt := range map[string]struct {
		made, used *[32]byte
		mark       bool
		want       string
	}{
		"in clear":         {nil, key, false, "it is in clear, and daemon.state_key is set"},
		"behind a mark":    {key, key, true, "it is older than state.sealed says"},
		"sealed, no key":   {key, nil, false, "it is sealed, and daemon.state_key is not set"},
		"another key":      {key, &[32]byte{8}, false, "daemon.state_key is not the key"},
		"marked, no key":   {key, nil, true, "daemon.state_key is not set"},
		"clear and a mark": {nil, nil, true, "daemon.state_key is not set"},
	} {
		dir := t.TempDir()
		data, _ := legacySample(t, tt.made)
		write(t, dir, data)
		if tt.mark {
			if err := (&Store{dir: dir, key: key}).writeMark(7); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Open(dir, Options{Key: tt.used})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "move") && !strings.Contains(err.Error(), "give") {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if !bytes.Equal(read(t, dir), data) {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

// TestADamagedLegacyState checks that a damaged state is never converted in part.
func TestADamagedLegacyState(t *testing.T) {
	for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {9}} {
		good, want := legacySample(t, key)
		rng := mathrand.New(mathrand.NewPCG(5, 6))
		refused := 0
		for range 300 {
			data := bytes.Clone(good)
			for range 1 + rng.IntN(3) {
				data[rng.IntN(len(data))] ^= byte(1 + rng.IntN(255))
			}
			if legacyRefused(t, name, data, key, want) {
				refused++
			}
		}
		for size := len(good); size > 0; size -= os.Getpagesize()/2 + 7 {
			legacyRefused(t, name, good[:size], key, want)
		}
		if refused < 50 {
			t.Errorf("%s: only %d files were refused: the flips meet nothing", name, refused)
		}
	}
}

// legacyRefused opens a file, which must be converted completely or left unchanged.
func legacyRefused(t *testing.T, name string, data []byte, key *[32]byte, want State) bool {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, data)
	s, err := openExamined(t, dir, key)
	if err == nil {
		if got := load(t, s); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: loads something else, %d of %d records", name, len(got.Records), len(want.Records))
		}
		shut(t, s)
		return false
	}
	wantRefusal(t, name, dir, data, err)
	return true
}

// TestLegacyValuesThatMakeNoSense damages, removes or sets back single values.
func TestLegacyValuesThatMakeNoSense(t *testing.T) {
	state := State{Records: map[schedule.Key]schedule.Record{loja: fullRecord(), {Name: "other"}: revision(1)}}
	for name, tt := range map[string]struct {
		change func(values map[legacyPlace][]byte)
		want   string
	}{
		"a record damaged": {func(v map[legacyPlace][]byte) { v[legacyPlace{"credentials", "loja"}][20] ^= 1 }, `credentials "loja"`},
		"a record gone":    {func(v map[legacyPlace][]byte) { delete(v, legacyPlace{"credentials", "loja"}) }, "missing or set back"},
		"set back": {func(v map[legacyPlace][]byte) {
			p := legacyPlace{"credentials", "loja"}
			v[p] = legacyClose(t, nil, p, []byte("{}"))
		}, "missing or set back"},
		"a name that is a value": {func(v map[legacyPlace][]byte) {
			p := legacyPlace{"credentials", "loja"}
			v[legacyPlace{"credentials", string(v[p][:len(v[p])/2])}] = v[p]
		}, "name is damaged"},
		"no seed":        {func(v map[legacyPlace][]byte) { delete(v, legacySeed) }, "damaged"},
		"no digest":      {func(v map[legacyPlace][]byte) { delete(v, legacyDigest) }, "damaged"},
		"no format":      {func(v map[legacyPlace][]byte) { delete(v, legacyVersion) }, "not a state of vigente"},
		"format in text": {func(v map[legacyPlace][]byte) { v[legacyVersion] = []byte("one") }, "not a state of vigente"},
		"a newer format": {func(v map[legacyPlace][]byte) { v[legacyVersion] = []byte("9") }, "newer vigente (format 9"},
	} {
		dir := t.TempDir()
		values := legacyValues(t, nil, [32]byte{1}, state)
		tt.change(values)
		data := legacyFile(t, values)
		write(t, dir, data)
		_, err := Open(dir, Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		wantRefusal(t, name, dir, data, err)
	}
}

func TestForeignDatabases(t *testing.T) {
	for name, fill := range map[string]func(tx *bolt.Tx) error{
		"empty":        func(*bolt.Tx) error { return nil },
		"other bucket": func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err },
		"nested bucket": func(tx *bolt.Tx) error {
			b, err := tx.CreateBucket([]byte("outer"))
			if err == nil {
				_, err = b.CreateBucket([]byte("inner"))
			}
			return err
		},
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
		data := read(t, dir)
		for _, key := range []*[32]byte{nil, {1}} {
			_, err := Open(dir, Options{Key: key})
			if err == nil || !strings.Contains(err.Error(), "not a state of vigente") {
				t.Errorf("%s: told %v", name, err)
			}
			wantRefusal(t, name, dir, data, err)
		}
	}
}

// TestEarlierProgramsRefuseTheState reads a state of the current format with the bbolt
// library: it sees a database with the number of an unknown format.
func TestEarlierProgramsRefuseTheState(t *testing.T) {
	for _, key := range []*[32]byte{nil, {1}} {
		dir := t.TempDir()
		s := open(t, dir, key)
		save(t, s, records(5))
		shut(t, s)
		db, err := bolt.Open(filepath.Join(dir, fileName), 0o600, &bolt.Options{ReadOnly: true})
		if err != nil {
			t.Fatalf("the library: %v", err)
		}
		err = db.View(func(tx *bolt.Tx) error {
			if b := tx.Bucket([]byte("meta")); b == nil || string(b.Get([]byte("format"))) != fmt.Sprint(format) {
				t.Error("the library finds no format")
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestElementsThatMakeNoSense passes the walker elements that the library cannot write.
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
