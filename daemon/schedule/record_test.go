package schedule

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestDeliveryIsRemembered(t *testing.T) {
	task := delivering("s", "a")
	marks := Marks{{"a", Mark{3, 5}}}
	changed := Result{At: instant0, End: after(time.Second), Called: true, Delivered: marks, Changed: true}
	r := Advance(task, Record{Part: Delivery{Changes: 4}}, changed, 0)
	if !slices.Equal(r.Delivery().Delivered, marks) || !r.Delivery().DeliveredAt.Equal(after(time.Second)) || r.Delivery().Target != "t-1" || r.Delivery().Changes != 4 {
		t.Errorf("delivered: %+v", r)
	}
	if got := changed.Outcome(Delivering, &r); got != Renewed {
		t.Errorf("told as %s", got)
	}
	equal := Result{At: after(time.Minute), End: after(time.Minute), Called: true, Delivered: marks}
	same := Advance(task, r, equal, 0)
	if equal.Outcome(Delivering, &same) != Unchanged || !same.Delivery().DeliveredAt.Equal(after(time.Minute)) {
		t.Errorf("an equal content: %+v", same)
	}
	task = &Task{Key: task.Key, Target: "t-2"}
	bad := Advance(task, r, refused(after(time.Minute), credential.ReasonInternal), 0)
	if bad.Delivery().Target != "t-1" || !slices.Equal(bad.Delivery().Delivered, marks) || !bad.Delivery().DeliveredAt.Equal(r.Delivery().DeliveredAt) {
		t.Errorf("a failed delivery changed what is held: %+v", bad)
	}
}

func TestHookIsRemembered(t *testing.T) {
	res := Result{At: instant0, End: instant0, Called: true, Ran: 7}
	if r := Advance(hooking("s"), Record{Part: HookRun{Ran: 6}}, res, 0); r.Ran() != 7 || res.Outcome(Hooking, &r) != Renewed || len(r.Past.History) > 0 {
		t.Errorf("after a run: %+v", r)
	}
	res.Fault = &credential.Fault{Reason: credential.ReasonInternal}
	if r := Advance(hooking("s"), Record{Part: HookRun{Ran: 6}}, res, 0); r.Ran() != 6 {
		t.Errorf("a failed run counts as %d", r.Ran())
	}
}

func TestHistoryKeepsTenAndIsNotShared(t *testing.T) {
	task, r := obtaining("a"), Record{}
	var before []Record
	for i := range 25 {
		before = append(before, r)
		r = Advance(task, r, refused(after(time.Duration(i)*time.Hour), credential.ReasonServer), 0)
	}
	if len(r.Past.History) != 10 || !r.Past.History.Attempts()[0].At.Equal(after(15*time.Hour)) || !r.Past.History.Attempts()[9].At.Equal(after(24*time.Hour)) {
		t.Fatalf("%d lines from %s", len(r.Past.History), r.Past.History.Attempts()[0].At)
	}
	for i, b := range before {
		for j, a := range b.Past.History.Attempts() {
			if want := after(time.Duration(max(0, i-10)+j) * time.Hour); !a.At.Equal(want) {
				t.Fatalf("the history of record %d was changed: line %d is of %s", i, j, a.At)
			}
		}
	}
	// Two results for one record do not affect each other.
	x := Advance(task, before[5], refused(after(100*time.Hour), credential.ReasonServer), 0)
	y := Advance(task, before[5], refused(after(200*time.Hour), credential.ReasonServer), 0)
	if x.Past.History.Attempts()[5].At.Equal(y.Past.History.Attempts()[5].At) {
		t.Error("two ends of one record share a history")
	}
}

func TestAdvanceChangesNothingItWasGiven(t *testing.T) {
	task := obtaining("a", jitter(Margin{Share: 0.1}))
	c := token("first", after(time.Hour))
	c.Seed = map[string]credential.Secret{"refresh": credential.NewSecret("seed")}
	c.Limits = []credential.Limit{{Kind: "refresh_token", EndsAt: after(year)}}
	r := Advance(task, Record{}, answered(instant0, c), 0)
	r = Advance(task, r, refused(after(time.Hour), credential.ReasonServer), 0)
	for name, res := range map[string]Result{
		"other values":   answered(after(2*time.Hour), token("second", after(3*time.Hour))),
		"the same":       answered(after(30*time.Minute), c),
		"no expiry":      answered(after(30*time.Minute), token("first", time.Time{})),
		"a failure":      refused(after(2*time.Hour), credential.ReasonRejected),
		"a long waiting": refused(after(2*time.Hour), credential.ReasonThrottled, retryAfter(after(day))),
	} {
		given, result, again := clone(t, r), clone(t, res), clone(t, r)
		first := Advance(task, given, result, 3)
		if !reflect.DeepEqual(given, r) || !reflect.DeepEqual(result, res) {
			t.Errorf("%s: Advance changed what it was given", name)
		}
		if second := Advance(task, again, result, 3); !reflect.DeepEqual(first, second) {
			t.Errorf("%s: the same past and end give %+v and %+v", name, first, second)
		}
	}
}

// clone makes a deep copy by reflection, except for secrets, which are immutable.
func clone[T any](t testing.TB, v T) T {
	t.Helper()
	return deep(reflect.ValueOf(v)).Interface().(T)
}

func deep(v reflect.Value) reflect.Value {
	out := reflect.New(v.Type()).Elem()
	if h, ok := v.Interface().(History); ok {
		out.Set(reflect.ValueOf(HistoryOf(h.Attempts()...)))
		return out
	}
	switch v.Kind() {
	case reflect.Struct:
		out.Set(v)
		if v.Type() == reflect.TypeFor[time.Time]() || v.Type() == reflect.TypeFor[credential.Secret]() {
			return out
		}
		for i := range v.NumField() {
			out.Field(i).Set(deep(v.Field(i)))
		}
	case reflect.Map:
		if !v.IsNil() {
			out.Set(reflect.MakeMap(v.Type()))
			for k, e := range v.Seq2() {
				out.SetMapIndex(k, deep(e))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			out.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				out.Index(i).Set(deep(v.Index(i)))
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			out.Set(reflect.New(v.Type().Elem()))
			out.Elem().Set(deep(v.Elem()))
		}
	default:
		out.Set(v)
	}
	return out
}

func TestRecordSurvivesItsEncoding(t *testing.T) {
	task := obtaining("a")
	r := Advance(task, held(task, time.Hour), refused(after(time.Hour), credential.ReasonServer), 0)
	kept := r.Token()
	var past Past
	var token Token
	for from, to := range map[any]any{&r.Past: &past, &kept: &token} {
		text, err := json.Marshal(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(text, to); err != nil {
			t.Fatal(err)
		}
	}
	token.Credential = kept.Credential // the store keeps its secrets beside it
	if back := (Record{past, token}); !reflect.DeepEqual(back, r) {
		t.Errorf("%+v came back as %+v", r, back)
	}
}
