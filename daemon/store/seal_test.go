package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
)

func TestASealedStateShowsNothing(t *testing.T) {
	for name, key := range map[string]*[32]byte{"clear": nil, "sealed": {7}} {
		dir := t.TempDir()
		s := open(t, dir, key)
		for range 5 {
			save(t, s, records(20))
		}
		seed := s.Seed()
		shut(t, s)
		data := read(t, dir)
		for what, text := range map[string][]byte{"secrets": []byte(canary), "the seed": seed[:], "names": []byte("task-0000")} {
			if shown := bytes.Contains(data, text); shown != (key == nil) {
				t.Errorf("%s: %s show: %v", name, what, shown)
			}
		}
	}
}

// TestAStateInClearIsSealed: only Seal seals a state that is not sealed.
func TestAStateInClearIsSealed(t *testing.T) {
	dir := t.TempDir()
	right := &[32]byte{1}
	s := open(t, dir, nil)
	want := records(40)
	save(t, s, want)
	seed := s.Seed()
	shut(t, s)
	clear := read(t, dir)
	_, err := Open(dir, Options{Key: right})
	if err == nil || !strings.Contains(err.Error(), "it is in clear") || !strings.Contains(err.Error(), "vigente seal") {
		t.Errorf("got %v for an unsealed state, want a refusal", err)
	}
	wantRefusal(t, "in clear", dir, clear, err)
	if n, err := Seal(dir, right); err != nil || n != len(want) {
		t.Fatalf("sealed %d records, %v", n, err)
	}
	s = open(t, dir, right)
	if got := load(t, s).Records; !reflect.DeepEqual(got, want) || s.Seed() != seed {
		t.Errorf("%d of %d records are left, the seed is kept: %v", len(got), len(want), s.Seed() == seed)
	}
	save(t, s, map[schedule.Key]schedule.Record{loja: fullRecord()})
	shut(t, s)
	before := read(t, dir)
	if bytes.Contains(before, []byte(canary)) {
		t.Error("the file still contains secrets")
	}
	for want, key := range map[string]*[32]byte{"daemon.state_key is not set": nil, "daemon.state_key is not the key": {2}} {
		_, err := Open(dir, Options{Key: key})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		wantRefusal(t, want, dir, before, err)
	}
	// Replace the sealed state by the unsealed one.
	write(t, dir, clear)
	for _, key := range []*[32]byte{right, nil} {
		_, err = Open(dir, Options{Key: key})
		if err == nil {
			t.Error("the unsealed state was accepted instead of the sealed one")
		}
		wantRefusal(t, "in clear again", dir, clear, err)
	}
	write(t, dir, before)
	want[loja] = fullRecord()
	if got := load(t, open(t, dir, right)).Records; !reflect.DeepEqual(got, want) {
		t.Error("the records have changed")
	}
}

// TestAForgerSetsNothingBack: an attacker without the key, who has the current file and an
// older copy, cannot set a record back, whatever frames he combines and however well the
// checksums fit.
func TestAForgerSetsNothingBack(t *testing.T) {
	key, dir := &[32]byte{1}, t.TempDir()
	s := open(t, dir, key)
	all := func(revision uint64) map[schedule.Key]schedule.Record {
		m := map[schedule.Key]schedule.Record{loja: {Part: schedule.Token{Revision: revision}}}
		for i := range 30 {
			m[schedule.Key{Name: fmt.Sprintf("other-%03d", i)}] = schedule.Record{Part: schedule.Token{Revision: revision}}
		}
		return m
	}
	save(t, s, all(1)) // yesterday
	shut(t, s)
	old := read(t, dir)
	s = open(t, dir, key)
	save(t, s, all(2)) // today
	shut(t, s)
	now := read(t, dir)
	mark, err := os.ReadFile(filepath.Join(dir, markName))
	if err != nil {
		t.Fatal(err)
	}
	starts, _ := layout(t, now, key)
	starts = append(starts, int64(len(now)))
	oldStarts, _ := layout(t, old, key)
	oldStarts = append(oldStarts, int64(len(old)))
	h, _ := decodeHeader(now)
	c := codec{header: h}
	// A file of the attacker: frames in any order, with counters, chain sums and checksums
	// that fit.
	forge := func(frames ...[]byte) []byte {
		data := bytes.Clone(now[:firstFrame])
		before := chain{at: firstFrame}
		for _, f := range frames {
			f = bytes.Clone(f)
			before.counter++
			binary.LittleEndian.PutUint64(f[8:], before.counter)
			binary.LittleEndian.PutUint32(f[20:], before.sum)
			before.sum = c.headSum(f)
			binary.LittleEndian.PutUint32(f[28:], before.sum)
			before.at += int64(len(f))
			data = append(data, f...)
		}
		return data
	}
	var of [][]byte
	for i := range len(starts) - 1 {
		of = append(of, now[starts[i]:starts[i+1]])
	}
	older := old[oldStarts[3]:oldStarts[4]]
	swapped := append([][]byte{}, of...)
	swapped[5], swapped[6] = swapped[6], swapped[5]
	for name, data := range map[string][]byte{
		"the older file":              old,
		"an older frame at the end":   append(bytes.Clone(now), older...),
		"an older frame, made to fit": forge(append(append([][]byte{}, of...), older)...),
		"a frame left out":            forge(append(append([][]byte{}, of[:5]...), of[6:]...)...),
		"frames swapped":              forge(swapped...),
		"a frame twice":               forge(append(append([][]byte{}, of[:6]...), of[5:]...)...),
		"without the newest":          now[:starts[len(starts)-3]],
	} {
		write(t, dir, data)
		_, err := openExamined(t, dir, key)
		if _, damaged := errors.AsType[*DamagedError](err); err == nil || damaged {
			t.Fatalf("%s: opens with %v", name, err)
		}
		wantRefusal(t, name, dir, data, err)
		if after, err := os.ReadFile(filepath.Join(dir, markName)); err != nil || !bytes.Equal(after, mark) {
			t.Errorf("%s: the mark was changed, %v", name, err)
		}
	}
	// An operator can bring the older file back with Seal; it then continues from there.
	write(t, dir, old)
	if n, err := Seal(dir, key); err != nil || n != 31 {
		t.Fatalf("sealed %d records, %v", n, err)
	}
	write(t, dir, read(t, dir))
	if got := load(t, open(t, dir, key)).Records[loja].Token().Revision; got != 1 {
		t.Errorf("got revision %d, want that of the restored file", got)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, markName)); bytes.Equal(after, mark) {
		t.Error("the mark was not replaced")
	}
	shutAll := t.TempDir()
	write(t, shutAll, now)
	if err := os.WriteFile(filepath.Join(shutAll, markName), mark, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(shutAll, Options{Key: key}); err != nil {
		t.Errorf("the right one: %v", err)
	}
}

func TestMarks(t *testing.T) {
	key := &[32]byte{1}
	dir := t.TempDir()
	s := open(t, dir, key)
	save(t, s, records(3))
	shut(t, s)
	state := read(t, dir)
	path := filepath.Join(dir, markName)
	mark, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	put := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"empty": "", "text": "hello\n", "another number": strings.Replace(string(mark), markVersion+" ", markVersion+" 1", 1), "no sum": markVersion + " 3\n",
		"another key": func() string {
			other := t.TempDir()
			shut(t, open(t, other, &[32]byte{2}))
			b, _ := os.ReadFile(filepath.Join(other, markName))
			return string(b)
		}(),
	} {
		put(text)
		_, err := Open(dir, Options{Key: key})
		if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "vigente seal") {
			t.Errorf("%s: %v", name, err)
		}
		wantRefusal(t, name, dir, state, err)
	}
	put(string(mark))
	shut(t, open(t, dir, key))
	// Removing the mark together with restoring an older file is not detected; the docs say so.
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	shut(t, open(t, dir, key))
	if again, err := os.ReadFile(path); err != nil || string(again) == "" {
		t.Errorf("the mark is made again: %q, %v", again, err)
	}
	// A mark without its state.
	if err := os.Remove(filepath.Join(dir, fileName)); err != nil {
		t.Fatal(err)
	}
	for _, key := range []*[32]byte{key, nil} {
		if _, err := Open(dir, Options{Key: key}); err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "move it") {
			t.Errorf("a mark alone: %v", err)
		}
	}
	if _, err := Seal(dir, key); err == nil || !strings.Contains(err.Error(), "there is none") {
		t.Errorf("sealed nothing: %v", err)
	}
}

// TestTheMarkIsBroughtUp: the mark follows the state within a minute and at Close. It is not
// written while nothing is saved.
func TestTheMarkIsBroughtUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := open(t, dir, &[32]byte{1})
		defer s.Close(context.Background())
		text := func() string {
			b, err := os.ReadFile(s.markPath())
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		}
		last, changes := text(), 0
		look := func() {
			if now := text(); now != last {
				last = now
				changes++
			}
		}
		for range 600 { // a save a second for ten minutes
			save(t, s, map[schedule.Key]schedule.Record{loja: {}})
			look()
			time.Sleep(time.Second)
			synctest.Wait()
			look()
		}
		if changes < 9 || changes > 11 {
			t.Errorf("written %d times in ten minutes", changes)
		}
		time.Sleep(markEvery)
		synctest.Wait()
		if look(); s.markAt != s.log.end.counter {
			t.Errorf("the mark says %d, the state is at %d", s.markAt, s.log.end.counter)
		}
		changes, before := 0, read(t, dir)
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if look(); changes > 0 || !bytes.Equal(read(t, dir), before) {
			t.Error("the mark was written while nothing was saved")
		}
		save(t, s, map[schedule.Key]schedule.Record{loja: {}})
		save(t, s, map[schedule.Key]schedule.Record{loja: {}})
		shut(t, s)
		if look(); changes != 1 && s.markAt != s.log.end.counter {
			t.Errorf("at the end the mark says %d, the state is at %d", s.markAt, s.log.end.counter)
		}
	})
}

// TestSealTakesWhatIsThere checks that sealing again keeps all records.
func TestSealTakesWhatIsThere(t *testing.T) {
	key := &[32]byte{1}
	for name, prepare := range map[string]func(dir string) int{
		"sealed": func(dir string) int {
			s := open(t, dir, key)
			save(t, s, records(4))
			shut(t, s)
			return 4
		},
		"format 1 in clear": func(dir string) int {
			data, want := legacySample(t, nil)
			write(t, dir, data)
			return len(want.Records) + len(want.Providers)
		},
		"format 1 sealed, with a mark": func(dir string) int {
			data, want := legacySample(t, key)
			write(t, dir, data)
			if err := (&Store{dir: dir, key: key}).writeMark(99); err != nil {
				t.Fatal(err)
			}
			return len(want.Records) + len(want.Providers)
		},
	} {
		dir := t.TempDir()
		want := prepare(dir)
		if n, err := Seal(dir, key); err != nil || n != want {
			t.Errorf("%s: %d records, %v", name, n, err)
		}
		s := open(t, dir, key)
		got := load(t, s)
		if n := len(got.Records) + len(got.Providers); n != want {
			t.Errorf("%s: %d records afterwards", name, n)
		}
		if name == "format 1 sealed, with a mark" && s.log.end.counter <= 99 {
			t.Errorf("%s: the counter went back to %d", name, s.log.end.counter)
		}
		shut(t, s)
	}
	// A damaged state, or one sealed with another key, is not sealed.
	dir := t.TempDir()
	prepared := func() []byte {
		s := open(t, dir, nil)
		save(t, s, records(4))
		shut(t, s)
		data := read(t, dir)
		data[len(data)/2] ^= 1
		write(t, dir, data)
		return data
	}()
	_, err := Seal(dir, key)
	if err == nil {
		t.Error("a damaged state was sealed")
	}
	wantRefusal(t, "damaged", dir, prepared, err)
	other := t.TempDir()
	shut(t, open(t, other, &[32]byte{2}))
	data := read(t, other)
	if _, err = Seal(other, key); err == nil || !strings.Contains(err.Error(), "is not the key") {
		t.Errorf("a state of another key: %v", err)
	}
	wantRefusal(t, "another key", other, data, err)
	if _, err := Seal(filepath.Join(other, "nothing"), key); err == nil {
		t.Error("a missing folder was sealed")
	}
}
