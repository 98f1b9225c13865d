package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/needs"
)

// wantRefusal checks the error of a file that was not opened, and that the file is
// unchanged.
func wantRefusal(t *testing.T, name, dir string, data []byte, err error) {
	t.Helper()
	if !bytes.Equal(read(t, dir), data) {
		t.Errorf("%s: the file was changed", name)
	}
	if err == nil {
		return
	}
	text := err.Error()
	fix := strings.Contains(text, "move") || strings.Contains(text, "newer") || strings.Contains(text, "give that key")
	if !strings.Contains(text, filepath.Join(dir, "state.")) || !fix {
		t.Errorf("%s: the error does not name the file and what to do: %v", name, err)
	}
	if strings.Contains(text, canary) || strings.Contains(text, "\n") {
		t.Errorf("%s: the error repeats what is stored: %q", name, text)
	}
}

// layout returns the offsets of the frames of a file.
func layout(t *testing.T, data []byte, key *[32]byte) (starts []int64, end chain) {
	t.Helper()
	h, err := decodeHeader(data)
	if err != nil {
		t.Fatal(err)
	}
	c := codec{header: h}
	if key != nil {
		if c.box, err = newBox(key, h.salt[:]); err != nil {
			t.Fatal(err)
		}
	}
	end, err = c.scan(bytes.NewReader(data), chain{at: firstFrame}, int64(len(data)), func(at int64, _ uint32, _ []byte) error {
		starts = append(starts, at)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return starts, end
}

// sample returns a state that was written to more than once, and the states it went
// through, oldest first.
func sample(t *testing.T, key *[32]byte) (data []byte, states []State) {
	t.Helper()
	dir := t.TempDir()
	s := open(t, dir, key)
	states = append(states, load(t, s))
	note := func() { states = append(states, load(t, s)) }
	for i := range 12 {
		key := schedule.Key{Kind: schedule.Kind(i % 3), Name: fmt.Sprint("task-", i%8)}
		save(t, s, map[schedule.Key]schedule.Record{key: numbered(key.Kind, uint64(i))})
		note()
	}
	if err := s.SaveProvider(t.Context(), "provider", schedule.ProviderRecord{Throttles: 3}); err != nil {
		t.Fatal(err)
	}
	note()
	if err := s.Delete(t.Context(), schedule.Key{Kind: 1, Name: "task-1"}); err != nil {
		t.Fatal(err)
	}
	note()
	shut(t, s)
	return read(t, dir), states
}

// openExamined opens a state, and checks that Examine and Open agree.
func openExamined(t *testing.T, dir string, key *[32]byte) (*Store, error) {
	t.Helper()
	foretold := Examine(dir, Options{Key: key})
	s, err := Open(dir, Options{Key: key})
	_, one := errors.AsType[*DamagedError](foretold)
	_, other := errors.AsType[*DamagedError](err)
	if (foretold == nil) != (err == nil) || one != other { // if several records are damaged, they may name different ones
		t.Errorf("Examine: got %v, want what Open says: %v", foretold, err)
	}
	return s, err
}

// opened opens a file with that content and a new mark, if it is sealed.
func opened(t *testing.T, data []byte, key *[32]byte) (dir string, got State, err error) {
	t.Helper()
	dir, err = os.MkdirTemp("/dev/shm", "vigente-test-")
	if err != nil {
		dir = t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	write(t, dir, data)
	s, err := openExamined(t, dir, key)
	if err != nil {
		return dir, State{}, err
	}
	got, err = s.Load()
	_ = s.Close(context.Background())
	return dir, got, err
}

// TestATornTailIsCut cuts a file at every offset, as a crash could: it then holds what was
// complete.
func TestATornTailIsCut(t *testing.T) {
	stride := 10 * 97
	if needs.Long() {
		stride = 97
	}
	for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {9}} {
		data, states := sample(t, key)
		starts, _ := layout(t, data, key)
		starts = append(starts, int64(len(data)))
		for size := len(data); size >= int(starts[1]); size -= stride {
			for _, rest := range []string{"", "zeros", "rubbish"} {
				torn := bytes.Clone(data[:size])
				switch rest {
				case "zeros":
					torn = append(torn, make([]byte, 5000)...)
				case "rubbish":
					torn = append(torn, bytes.Repeat([]byte("\x9dq7"), 900)...)
				}
				whole := 0
				for i, start := range starts {
					if int(start) <= size {
						whole = i
					}
				}
				// The first two frames are the seed and the end of a new file.
				want := states[min(max(0, whole-2), len(states)-1)]
				dir, got, err := opened(t, torn, key)
				if err != nil || !reflect.DeepEqual(got, want) {
					t.Fatalf("%s, cut to %d of %d and followed by %q: got %d records, want %d; error %v", name, size, len(data), rest, len(got.Records), len(want.Records), err)
				}
				if now := read(t, dir); len(now) < int(starts[whole]) || !bytes.Equal(now[:starts[whole]], data[:starts[whole]]) {
					t.Fatalf("%s, cut to %d: the complete frames were changed", name, size)
				}
			}
		}
	}
}

// TestFlippedBytes checks that a changed file is refused or holds the same records.
func TestFlippedBytes(t *testing.T) {
	for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {9}} {
		good, states := sample(t, key)
		want := states[len(states)-1]
		starts, _ := layout(t, good, key)
		last := int(starts[len(starts)-1]) // The end frame: without it the records are the same.
		rng := rand.New(rand.NewPCG(1, 2))
		refused := 0
		flip := func(many, at int) {
			data := bytes.Clone(good)
			data[at] ^= byte(1 + rng.IntN(255))
			for range many {
				data[rng.IntN(last)] ^= byte(1 + rng.IntN(255))
			}
			dir, got, err := opened(t, data, key)
			if err == nil {
				if !reflect.DeepEqual(got, want) {
					t.Errorf("%s, byte %d flipped: loaded other records", name, at)
				}
				if at < last {
					t.Errorf("%s, byte %d flipped: opened, want a refusal", name, at)
				}
				return
			}
			refused++
			wantRefusal(t, name, dir, data, err)
			if _, damaged := errors.AsType[*DamagedError](err); damaged != (key == nil) {
				t.Errorf("%s, byte %d flipped: got a DamagedError: %v, want %v; error %v", name, at, damaged, key == nil, err)
			}
		}
		for at := preludeLength; at < len(good); at += 1 + rng.IntN(40) {
			flip(0, at)
		}
		for range 200 {
			flip(0, rng.IntN(preludeLength))
			flip(1+rng.IntN(20), rng.IntN(last))
		}
		t.Logf("%s: %d files refused", name, refused)
	}
}

func TestDamagedFiles(t *testing.T) {
	for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {9}} {
		good, _ := sample(t, key)
		starts, _ := layout(t, good, key)
		middle := starts[len(starts)/2]
		after := starts[len(starts)/2+1]
		for what, data := range map[string][]byte{
			"empty":              {},
			"one byte":           good[:1],
			"prelude":            good[:preludeLength],
			"half a header":      good[:preludeLength+20],
			"header only":        good[:firstFrame],
			"no seed":            append(bytes.Clone(good[:firstFrame]), good[starts[1]:]...),
			"text":               []byte(strings.Repeat("not a database\n", 2000)),
			"zeros":              make([]byte, len(good)),
			"prelude gone":       append(make([]byte, preludeLength), good[preludeLength:]...),
			"header gone":        append(append(bytes.Clone(good[:preludeLength]), make([]byte, headerLength)...), good[firstFrame:]...),
			"one frame left out": append(bytes.Clone(good[:middle]), good[after:]...),
			"one frame zeroed":   append(append(bytes.Clone(good[:middle]), make([]byte, after-middle)...), good[after:]...),
		} {
			dir, _, err := opened(t, data, key)
			if err == nil {
				t.Errorf("%s, %s: opened, want a refusal", name, what)
			}
			wantRefusal(t, name+", "+what, dir, data, err)
		}
	}
}

// TestADamagedRecordIsNamed checks that the error names the record but not its content.
func TestADamagedRecordIsNamed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	e := entry{uint8(schedule.Delivering), "till"}
	if err := s.put(t.Context(), ordinary, e, true, []byte(`{"revision":"`+canary+`"}`)); err != nil {
		t.Fatal(err)
	}
	shut(t, s)
	_, err := open(t, dir, nil).Load()
	if err == nil || !strings.Contains(err.Error(), `sinks "till"`) || !strings.Contains(err.Error(), s.path()) || strings.Contains(err.Error(), canary) {
		t.Error(err)
	}
}

// TestEntriesThatMakeNoSense decodes payloads of intact frames that are not valid.
func TestEntriesThatMakeNoSense(t *testing.T) {
	for name, payload := range map[string]string{
		"unknown kind":     "\x09\x01a\x01",
		"no name":          "\x01",
		"name too long":    "\x01\x09ab",
		"no value":         "\x01\x01a",
		"value too long":   "\x01\x01a\x09b",
		"length too long":  "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffa",
		"length of 2^64-1": "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01a",
	} {
		if err := eachEntry([]byte(payload), func(rawEntry) error { return nil }); !errors.Is(err, errDamaged) {
			t.Errorf("%s: got %v, want errDamaged", name, err)
		}
	}
}

func TestANewerFormatIsRefused(t *testing.T) {
	for _, key := range []*[32]byte{nil, {1}} {
		dir := t.TempDir()
		shut(t, open(t, dir, key))
		data := read(t, dir)
		own := data[preludeLength:firstFrame]
		binary.LittleEndian.PutUint32(own[8:], 3)
		binary.LittleEndian.PutUint32(own[headerLength-4:], crc(own[:headerLength-4]))
		write(t, dir, data)
		_, err := Open(dir, Options{Key: key})
		if _, damaged := errors.AsType[*DamagedError](err); err == nil || damaged || !strings.Contains(err.Error(), "newer vigente (format 3, this one knows 2)") {
			t.Errorf("got %v for a newer format, want a refusal that names it", err)
		}
		wantRefusal(t, "newer", dir, data, err)
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	s := open(f, dir, nil)
	save(f, s, records(3))
	shut(f, s)
	f.Add(read(f, dir))
	f.Add(prelude())
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := opened(t, data, nil); err != nil && strings.Contains(err.Error(), canary) {
			t.Fatal("the error repeats what was read")
		}
	})
}
