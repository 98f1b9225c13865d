package store

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// canary begins every secret of fullRecord.
const canary = "canary-secret-"

// loja is the key of the record in most tests.
var loja = schedule.Key{Kind: schedule.Obtaining, Name: "loja"}

// fullRecord returns the record of a credential with every field set.
func fullRecord() schedule.Record { return fullOf(schedule.Obtaining) }

// fullOf is fullRecord for any kind of task.
func fullOf(kind schedule.Kind) (r schedule.Record) {
	n := 0
	fillValue(reflect.ValueOf(&r.Past).Elem(), &n)
	switch kind {
	case schedule.Obtaining:
		r.Part = filled[schedule.Token](&n)
	case schedule.Delivering:
		r.Part = filled[schedule.Delivery](&n)
	case schedule.Hooking:
		r.Part = filled[schedule.HookRun](&n)
	}
	return r
}

func filled[P any](n *int) (part P) {
	fillValue(reflect.ValueOf(&part).Elem(), n)
	return part
}

// numbered returns a full record that is identified by a number.
func numbered(kind schedule.Kind, n uint64) schedule.Record {
	r := fullOf(kind)
	switch part := r.Unpacked().(type) {
	case schedule.Token:
		part.Revision = n
		r.Part = part
	case schedule.Delivery:
		part.Changes = n
		r.Part = part
	case schedule.HookRun:
		r.Part = schedule.HookRun{Ran: n}
	}
	return r
}

// revision returns the record of a credential with that revision.
func revision(n uint64) schedule.Record { return numbered(schedule.Obtaining, n) }

// fillValue sets v and everything exported below it.
func fillValue(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Date(2026, 11, 22, 12, 0, *n, *n, time.UTC)))
		return
	case credential.Secret:
		v.Set(reflect.ValueOf(credential.NewSecret(fmt.Sprintf("%s%d", canary, *n))))
		return
	case schedule.History:
		var attempts []schedule.Attempt
		fillValue(reflect.ValueOf(&attempts).Elem(), n)
		v.Set(reflect.ValueOf(schedule.HistoryOf(attempts...)))
		return
	}
	if former, ok := v.Addr().Interface().(*[]schedule.Record); ok {
		*former = make([]schedule.Record, 2)
		for i := range *former {
			fillValue(reflect.ValueOf(&(*former)[i].Past).Elem(), n)
			var part schedule.Token
			fillFields(reflect.ValueOf(&part).Elem(), n, "Former") // those have none
			(*former)[i].Part = part
		}
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		fillFields(v, n, "")
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
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n))
	default:
		panic("a field of a new kind: " + v.Type().String())
	}
}

func fillFields(v reflect.Value, n *int, but string) {
	for i := range v.NumField() {
		if v.Type().Field(i).Name != but {
			fillValue(v.Field(i), n)
		}
	}
}

// records makes n records of about two kilobytes.
func records(n int) map[schedule.Key]schedule.Record {
	all := map[schedule.Key]schedule.Record{}
	for i := range n {
		key := schedule.Key{Kind: schedule.Kind(i % providerKind), Name: fmt.Sprintf("task-%04d", i)}
		all[key] = numbered(key.Kind, uint64(i))
	}
	return all
}

func open(t testing.TB, dir string, key *[32]byte) *Store {
	t.Helper()
	s, err := Open(dir, Options{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(context.Background()) })
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

func save(t testing.TB, s *Store, all map[schedule.Key]schedule.Record) {
	t.Helper()
	for _, key := range slices.SortedFunc(maps.Keys(all), schedule.Key.Compare) {
		if err := s.Save(t.Context(), key, all[key]); err != nil {
			t.Fatal(err)
		}
	}
}

func shut(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, fileName))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func write(t testing.TB, dir string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, fileName), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// names lists the state directory.
func names(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
