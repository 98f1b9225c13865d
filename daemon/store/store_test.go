package store

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

var keyA = schedule.Key{Kind: schedule.Obtaining, Name: "loja"}

// fill sets every exported field below v to something that is not zero.
func fillValue(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 22, 12, 0, *n, *n, time.UTC)))
		return
	case credential.Secret:
		v.Set(reflect.ValueOf(credential.NewSecret(fmt.Sprintf("canary-%d", *n))))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fillValue(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fillValue(v.Index(0), n)
		fillValue(v.Index(1), n)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for i := range 2 {
			elem := reflect.New(v.Type().Elem()).Elem()
			fillValue(elem, n)
			v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key-%d", i)), elem)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("text-%d", *n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		panic("a field of a new kind: " + v.Type().String())
	}
}

// fullRecord has something in every field there is.
func fullRecord() (r schedule.Record) {
	n := 0
	fillValue(reflect.ValueOf(&r).Elem(), &n)
	return r
}

func open(t testing.TB, dir string, key *[32]byte) *Store {
	t.Helper()
	s, err := Open(dir, Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func load(t testing.TB, s *Store) State {
	t.Helper()
	state, err := s.Load()
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func TestEveryFieldSurvives(t *testing.T) {
	for _, key := range []*[32]byte{nil, {1, 2, 3}} {
		dir := t.TempDir()
		s := open(t, dir, key)
		want, cool := fullRecord(), schedule.ProviderRecord{CooldownUntil: time.Unix(9, 0).UTC(), Throttles: 3}
		for _, kind := range []schedule.Kind{schedule.Obtaining, schedule.Delivering, schedule.Hooking} {
			if err := s.Save(t.Context(), schedule.Key{Kind: kind, Name: "loja"}, want); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SaveProvider(t.Context(), "tss", cool); err != nil {
			t.Fatal(err)
		}
		seed := s.Seed()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, dir, key)
		defer s.Close()
		got := load(t, s)
		for key, r := range got.Records {
			if !reflect.DeepEqual(r, want) {
				t.Errorf("%s comes back as\n%+v, want\n%+v", key.Kind, r, want)
			}
		}
		if len(got.Records) != 3 || got.Providers["tss"] != cool || s.Seed() != seed || seed == [32]byte{} {
			t.Errorf("%d records, provider %+v, seed kept %v", len(got.Records), got.Providers["tss"], s.Seed() == seed)
		}
		if err := s.Delete(t.Context(), keyA); err != nil {
			t.Fatal(err)
		}
		if _, found := load(t, s).Records[keyA]; found {
			t.Error("a deleted record is still there")
		}
	}
}

func TestSealedStateHoldsNoSecret(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		dir := t.TempDir()
		var key *[32]byte
		if sealed {
			key = &[32]byte{7}
		}
		s := open(t, dir, key)
		if err := s.Save(t.Context(), keyA, fullRecord()); err != nil {
			t.Fatal(err)
		}
		s.Close()
		data, err := os.ReadFile(filepath.Join(dir, fileName))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(data, []byte("canary")) == sealed {
			t.Errorf("sealed %v: the file shows its secrets: %v", sealed, !sealed)
		}
	}
}

func TestKeysThatDoNotFitAreRefusedAndNothingIsTouched(t *testing.T) {
	dir := t.TempDir()
	right := &[32]byte{1}
	s := open(t, dir, nil)
	if err := s.Save(t.Context(), keyA, fullRecord()); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir, right) // a state in clear is sealed when a key is set
	if !reflect.DeepEqual(load(t, s).Records[keyA], fullRecord()) {
		t.Error("sealing lost the record")
	}
	s.Close()
	before, _ := os.ReadFile(filepath.Join(dir, fileName))
	for name, key := range map[string]*[32]byte{"none": nil, "another": {2}} {
		if _, err := Open(dir, Options{Key: key}); err == nil || !strings.Contains(err.Error(), "state_key") {
			t.Errorf("with key %s: %v", name, err)
		}
	}
	if after, _ := os.ReadFile(filepath.Join(dir, fileName)); !bytes.Equal(before, after) {
		t.Error("a refused key changed the file")
	}
	s = open(t, dir, right)
	defer s.Close()
	if !reflect.DeepEqual(load(t, s).Records[keyA], fullRecord()) {
		t.Error("the record is not what it was")
	}
}

func TestSealedRecordsCannotChangePlaces(t *testing.T) {
	dir := t.TempDir()
	key := &[32]byte{1}
	s := open(t, dir, key)
	if err := s.Save(t.Context(), keyA, fullRecord()); err != nil {
		t.Fatal(err)
	}
	value := s.content[entry{"credentials", "loja"}]
	if err := s.submit(t.Context(), entry{"credentials", "outra"}, &write{value}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir, key)
	defer s.Close()
	if _, err := s.Load(); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a record in another's place loads with %v", err)
	}
}

func TestSecondOpenIsRefusedWithTheReason(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	defer s.Close()
	begun := time.Now()
	_, err := Open(dir, Options{})
	if err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("a second open gives %v", err)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("refused after %s", took)
	}
}

func TestDamagedFilesAreRefusedOrReadRightAndNeverChanged(t *testing.T) {
	source := t.TempDir()
	s := open(t, source, nil)
	for i := range 60 {
		if err := s.Save(t.Context(), schedule.Key{Name: fmt.Sprintf("c%03d", i)}, fullRecord()); err != nil {
			t.Fatal(err)
		}
	}
	want := load(t, s)
	s.Close()
	good, err := os.ReadFile(filepath.Join(source, fileName))
	if err != nil {
		t.Fatal(err)
	}
	damaged := map[string][]byte{
		"empty": {}, "short": good[:10], "foreign": []byte(strings.Repeat("not a database\n", 1000)),
		"one page": good[:4096], "cut in half": good[:len(good)/2], "cut by a page": good[:len(good)-4096], "zeros": make([]byte, len(good)),
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		data := bytes.Clone(good)
		for range 1 + i%4 {
			data[rng.IntN(len(data))] ^= byte(1 + rng.IntN(255))
		}
		damaged[fmt.Sprintf("flip %d", i)] = data
	}
	for name, data := range damaged {
		dir := t.TempDir()
		path := filepath.Join(dir, fileName)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Open(dir, Options{})
		if err == nil {
			var state State
			if state, err = s.Load(); err == nil && len(state.Records) < len(want.Records) {
				t.Errorf("%s: loads with %d of %d records and no error", name, len(state.Records), len(want.Records))
			}
			s.Close()
		}
		if err != nil && !strings.Contains(err.Error(), path) {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
		if after, _ := os.ReadFile(path); err != nil && !bytes.Equal(after, data) {
			t.Errorf("%s: a refused file was changed", name)
		}
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	if err := s.submit(t.Context(), metaFormat, &write{[]byte("2")}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("a newer format opens with %v", err)
	}
}

func TestACrowdSharesCommits(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	defer s.Close()
	const crowd, each = 64, 10
	var all sync.WaitGroup
	for i := range crowd {
		all.Go(func() {
			for n := range each {
				r := schedule.Record{Revision: uint64(n + 1)}
				if err := s.Save(context.Background(), schedule.Key{Name: fmt.Sprint(i)}, r); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if s.commits > crowd*each/4 {
		t.Errorf("%d commits for %d saves", s.commits, crowd*each)
	}
	for key, r := range load(t, s).Records {
		if r.Revision != each {
			t.Errorf("%s holds revision %d, want the last one", key.Name, r.Revision)
		}
	}
}

func TestAfterAFailedCommitEverythingIsWrittenAnew(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	if err := s.Save(t.Context(), keyA, schedule.Record{Revision: 1}); err != nil {
		t.Fatal(err)
	}
	db := s.db
	db.Close() // every commit fails from here on
	if err := s.Save(t.Context(), schedule.Key{Name: "b"}, schedule.Record{Revision: 2}); err == nil {
		t.Fatal("a save without a file succeeds")
	}
	if !s.doubt {
		t.Error("the failed commit left no doubt")
	}
	s.lock.Close()
	again := open(t, dir, nil)
	s.db, s.lock = again.db, again.lock
	if err := s.Save(t.Context(), schedule.Key{Name: "c"}, schedule.Record{Revision: 3}); err != nil {
		t.Fatal(err)
	}
	s.Close()
	s = open(t, dir, nil)
	defer s.Close()
	if got := load(t, s).Records; len(got) != 3 || got[schedule.Key{Name: "b"}].Revision != 2 {
		t.Errorf("the file holds %d records, want all three", len(got))
	}
}

func FuzzDecodeRecord(f *testing.F) {
	data, err := EncodeRecord(fullRecord())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"token":null,"past":{"history":[{}]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := DecodeRecord(data)
		if err != nil {
			return
		}
		again, err := EncodeRecord(r)
		if err != nil {
			return // an instant beyond year 9999 cannot be written
		}
		back, err := DecodeRecord(again)
		if err != nil || !reflect.DeepEqual(back, mustDecode(t, again)) {
			t.Fatalf("a record does not survive its own encoding: %v", err)
		}
	})
}

func mustDecode(t *testing.T, data []byte) schedule.Record {
	r, err := DecodeRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func BenchmarkSave(b *testing.B) {
	for _, crowd := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("callers=%d", crowd), func(b *testing.B) {
			s := open(b, b.TempDir(), &[32]byte{1})
			defer s.Close()
			r := schedule.Record{Token: credential.Credential{Values: map[string]credential.Secret{"token": credential.NewSecret(strings.Repeat("x", 2000))}}}
			var all sync.WaitGroup
			work := make(chan int)
			for range crowd {
				all.Go(func() {
					for i := range work {
						if err := s.Save(context.Background(), schedule.Key{Name: fmt.Sprint(i % 1000)}, r); err != nil {
							b.Error(err)
						}
					}
				})
			}
			n := 0
			for b.Loop() {
				work <- n
				n++
			}
			close(work)
			all.Wait()
		})
	}
}
