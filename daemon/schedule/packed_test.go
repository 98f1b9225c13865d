package schedule

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// fill sets v and everything exported below it to values that differ from each other.
func fill(v reflect.Value, n *int) {
	*n++
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(after(time.Duration(*n)*time.Hour + time.Duration(*n))))
		return
	case credential.Secret:
		v.Set(reflect.ValueOf(credential.NewSecret(time.Duration(*n).String())))
		return
	case History:
		v.Set(reflect.ValueOf(HistoryOf(Attempt{At: after(time.Duration(*n)), Outcome: Failed, Reason: "r", Message: "m"})))
		return
	case []Record:
		v.Set(reflect.ValueOf([]Record{{Past: Past{Unknown: 7}, Part: Token{Revision: 8}}}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), n)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), n)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), n)
	case reflect.Map:
		key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		fill(key, n)
		fill(value, n)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(key, value)
	case reflect.String:
		v.SetString(time.Duration(*n).String())
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(*n))
	case reflect.Uint64:
		v.SetUint(uint64(*n) << 40)
	default:
		panic(v.Type())
	}
}

// TestPackedRecordIsTheSame: no field of a record is lost, whether it is the only one or
// all are set.
func TestPackedRecordIsTheSame(t *testing.T) {
	n := 0
	same := func(t *testing.T, r Record) {
		t.Helper()
		got := Pack(r).Record()
		if got.Part = got.Unpacked(); !reflect.DeepEqual(got, r) {
			t.Errorf("got %+v, want %+v", got, r)
		}
	}
	for _, part := range []Part{nil, Token{}, Delivery{}, HookRun{}} {
		same(t, Record{Part: part})
		all := Record{Part: part}
		fill(reflect.ValueOf(&all.Past).Elem(), &n)
		same(t, all)
		for i := range reflect.TypeFor[Past]().NumField() {
			var one Record
			fill(reflect.ValueOf(&one.Past).Elem().Field(i), &n)
			same(t, one)
		}
	}
	eachField(t, func(p Token) { same(t, Record{Part: p}) }, &n)
	eachField(t, func(p Delivery) { same(t, Record{Part: p}) }, &n)
	eachField(t, func(p HookRun) { same(t, Record{Part: p}) }, &n)
	same(t, Record{Part: Delivery{Delivered: Marks{{"a", Mark{1, 2}}, {"b", Mark{3, 4}}}, Target: "t"}})
	same(t, Record{Part: Delivery{Issued: Issued{{"a", []string{"1"}}, {"b", nil}}, Target: "t"}})
	same(t, Record{Past: Past{AttemptAt: time.Date(-3, 1, 1, 0, 0, 0, 999, time.UTC), PlannedAt: time.Date(292277, 1, 1, 0, 0, 0, 0, time.UTC), PausedUntil: Endless}})
}

// TestPackedValuesAreTheSame: whatever values there are, also of other encodings, empty or
// in each other.
func TestPackedValuesAreTheSame(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, texts := range []map[string]string{
		{"": ""},
		{"a": "", "b": ""},
		{"token": "t", "authorization": "Bearer t", "type": "Bearer"},
		{"a\x00b": "\xff\x00", "a": "\x00", long: long, "é": long + "y"},
		{"a": "same", "b": "same", "c": "ame"},
	} {
		values := map[string]credential.Secret{}
		for name, text := range texts {
			values[name] = credential.NewSecret(text)
		}
		got := Pack(Record{Part: Token{Credential: credential.Credential{Values: values}}}).Token().Values
		if !reflect.DeepEqual(got, values) {
			for name, v := range got {
				t.Errorf("%v: %q is %q", texts, name, v.Reveal())
			}
		}
	}
}

// TestValueInAnotherIsHeldOnce: a token in its header costs no memory.
func TestValueInAnotherIsHeldOnce(t *testing.T) {
	token := strings.Repeat("t", 2000)
	p := packValues(map[string]credential.Secret{"token": credential.NewSecret(token), "authorization": credential.NewSecret("Bearer " + token)})
	if size := len(p.texts.Reveal()); size > 2020 {
		t.Errorf("got %d bytes", size)
	}
}

// TestMarksOfAPackedDelivery: they are those of the delivery.
func TestMarksOfAPackedDelivery(t *testing.T) {
	for _, d := range []Delivery{
		{Target: "t", Changes: 3},
		{Delivered: Marks{{"a", Mark{1, 2}}}, Target: "t", Changes: 4},
		{Delivered: Marks{{"a", Mark{1, 2}}, {"b", Mark{3, 4}}}, Target: "u", Changes: 5},
	} {
		p := Pack(Record{Part: d})
		if p.target() != d.Target || p.changes() != d.Changes {
			t.Errorf("%+v: got target %s, changes %d", d, p.target(), p.changes())
		}
		for _, name := range []string{"a", "b", "c"} {
			if mark, holds := p.Holds(name); mark != d.Delivered.Of(name) || holds != d.Delivered.Has(name) {
				t.Errorf("%+v: got %v, %t of %s", d, mark, holds, name)
			}
		}
	}
}

// TestOutlineTellsAllButTheValues: and cannot become a record.
func TestOutlineTellsAllButTheValues(t *testing.T) {
	var full Token
	n := 0
	fill(reflect.ValueOf(&full).Elem(), &n)
	packed := Pack(Record{Part: full})
	got := packed.Outline()
	if !HasValue(got.Credential) || len(got.Values) != 1 || got.Values["token"] != (credential.Secret{}) {
		t.Errorf("got the values %v", got.Values)
	}
	want := full
	want.Values, got.Values = nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if none := Pack(Record{Part: Token{Revision: 1}}).Outline(); HasValue(none.Credential) {
		t.Error("a token without values has some")
	}
	defer func() {
		if recover() == nil {
			t.Error("it became a record")
		}
	}()
	Pack(Record{Part: packed.Outline()})
}

// eachField calls check with each field set alone, and with all of them.
func eachField[P any](t *testing.T, check func(P), n *int) {
	t.Helper()
	var all P
	fill(reflect.ValueOf(&all).Elem(), n)
	check(all)
	for i := range reflect.TypeFor[P]().NumField() {
		var one P
		field := reflect.ValueOf(&one).Elem().Field(i)
		if fill(field, n); field.Type() == reflect.TypeFor[credential.Credential]() { // each of its fields alone too
			for j := range field.NumField() {
				var other P
				fill(reflect.ValueOf(&other).Elem().Field(i).Field(j), n)
				check(other)
			}
		}
		check(one)
	}
}

// TestPackedRecordIsOnlyRead: what was made of a packed record does not change it.
func TestPackedRecordIsOnlyRead(t *testing.T) {
	p := Pack(Record{Past: Past{Failures: 1}, Part: Token{Revision: 1, TokenOf: "x"}})
	r := p.Record()
	r.Past.Failures, r.Past.Parked = 5, true
	held := r.Token()
	held.Revision, held.TokenOf = 5, "y"
	r.Part = held
	if again := p.Record(); again.Past.Failures != 1 || again.Past.Parked || again.Token().Revision != 1 || again.Token().TokenOf != "x" {
		t.Errorf("got %+v", again)
	}
}
