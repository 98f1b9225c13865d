package arqged

import (
	"encoding/json"
	"testing"
	"time"
)

// atNoon is what the dates of the table mean: 6 May, so that day and month can be
// confused.
var atNoon = time.Date(2026, 5, 6, 15, 4, 5, 0, time.UTC)

func TestReadingsOfEveryForm(t *testing.T) {
	utc, brasilia := atNoon, atNoon.Add(3*time.Hour)
	swapped := time.Date(2026, 6, 5, 15, 4, 5, 0, time.UTC)
	late := time.Date(2026, 5, 23, 15, 4, 5, 0, time.UTC)
	both := func(t time.Time) []time.Time { return []time.Time{t, t.Add(3 * time.Hour)} }
	for _, c := range []struct {
		raw  string
		want []time.Time
	}{
		// ISO, with and without a zone.
		{`"2026-05-06T15:04:05Z"`, []time.Time{utc}},
		{`"2026-05-06T15:04:05z"`, []time.Time{utc}},
		{`"2026-05-06T12:04:05-03:00"`, []time.Time{utc}},
		{`"2026-05-06T12:04:05-0300"`, []time.Time{utc}},
		{`"2026-05-06T12:04:05-03"`, []time.Time{utc}},
		{`"2026-05-06T20:34:05+05:30"`, []time.Time{utc}},
		{`"2026-05-06T15:04:05"`, []time.Time{utc, brasilia}},
		{`"2026-05-06T15:04:05.0000000Z"`, []time.Time{utc}},
		{`"2026-05-06T15:04:05.1234567Z"`, []time.Time{utc.Add(123456700)}},
		{`"2026-05-06T15:04:05.12Z"`, []time.Time{utc.Add(120 * time.Millisecond)}},
		{`"2026-05-06T15:04:05.5"`, []time.Time{utc.Add(500 * time.Millisecond), brasilia.Add(500 * time.Millisecond)}},
		{`"2026-05-06 15:04:05Z"`, []time.Time{utc}},
		{`"2026-05-06 15:04:05"`, []time.Time{utc, brasilia}},
		{`" 2026-05-06 15:04:05.0000000 "`, []time.Time{utc, brasilia}},
		{`"2026-05-06 15:04:05 UTC"`, []time.Time{utc}},
		{`"2026-05-06 15:04:05 +00:00"`, []time.Time{utc}},
		{`"2026-05-06"`, both(time.Date(2026, 5, 6, 0, 0, 0, 0, time.UTC))},
		// Day and month in either order.
		{`"06/05/2026 15:04:05"`, []time.Time{utc, brasilia, swapped, swapped.Add(3 * time.Hour)}},
		{`"5/6/2026 3:04:05 PM"`, []time.Time{swapped, swapped.Add(3 * time.Hour), utc, brasilia}},
		{`"5/6/2026 3:04:05 pm"`, []time.Time{swapped, swapped.Add(3 * time.Hour), utc, brasilia}},
		{`"5/6/2026 3:04:05PM"`, []time.Time{swapped, swapped.Add(3 * time.Hour), utc, brasilia}},
		{"\"5/6/2026 3:04:05\u202fPM\"", []time.Time{swapped, swapped.Add(3 * time.Hour), utc, brasilia}},
		{"\"5/6/2026\u00a03:04:05\u00a0PM\"", []time.Time{swapped, swapped.Add(3 * time.Hour), utc, brasilia}},
		{`"5\/6\/2026 3:04:05\u202fPM"`, []time.Time{swapped, swapped.Add(3 * time.Hour), utc, brasilia}},
		{"\"5/6/2026\u202f3:04:05\u202fPM\"", []time.Time{swapped, swapped.Add(3 * time.Hour), utc, brasilia}},
		{`"5/6/2026 3:04:05 p.m."`, []time.Time{swapped, swapped.Add(3 * time.Hour), utc, brasilia}},
		{`"23/05/2026 15:04:05"`, both(late)},
		{`"05/23/2026 15:04:05"`, both(late)},
		{`"5/23/2026 3:04:05 PM"`, both(late)},
		{`"23-05-2026 15:04:05"`, both(late)},
		{`"23.05.2026, 15:04:05"`, both(late)},
		{`"05/23/2026 15:04:05 +00:00"`, []time.Time{late}},
		{`"5/23/2026 12:00:00 AM"`, both(time.Date(2026, 5, 23, 0, 0, 0, 0, time.UTC))},
		{`"5/23/2026 12:30:00 PM"`, both(time.Date(2026, 5, 23, 12, 30, 0, 0, time.UTC))},
		{`"23/05/2026"`, both(time.Date(2026, 5, 23, 0, 0, 0, 0, time.UTC))},
		{`"23/05/2026 15:04"`, both(time.Date(2026, 5, 23, 15, 4, 0, 0, time.UTC))},
		// RFC 1123.
		{`"Wed, 06 May 2026 15:04:05 GMT"`, []time.Time{utc}},
		{`"Wed, 6 May 2026 15:04:05 GMT"`, []time.Time{utc}},
		{`"Wed, 06 May 2026 12:04:05 -0300"`, []time.Time{utc}},
		// .NET and Unix.
		{`"/Date(1778079845000)/"`, []time.Time{utc}},
		{`"\/Date(1778079845000-0300)\/"`, []time.Time{utc}},
		{`"\/Date(1778079845000+0000)\/"`, []time.Time{utc}},
		{`1778079845`, []time.Time{utc}},
		{`1778079845.5`, []time.Time{utc.Add(500 * time.Millisecond)}},
		{`1778079845000`, []time.Time{utc}},
		{`"1778079845"`, []time.Time{utc}},
		{`"1778079845000"`, []time.Time{utc}},
		// No dates.
		{``, nil},
		{`null`, nil},
		{`""`, nil},
		{`"  "`, nil},
		{`"em breve"`, nil},
		{`true`, nil},
		{`{}`, nil},
		{`["2026-05-06T15:04:05Z"]`, nil},
		{`"0001-01-01T00:00:00"`, nil},
		{`"0001-01-01T00:00:00Z"`, nil},
		{`"01/01/0001 00:00:00"`, nil},
		{`"/Date(-62135596800000)/"`, nil},
		{`"9999-12-31T23:59:59.9999999"`, nil},
		{`"2026-02-30T15:04:05Z"`, nil},
		{`"2026-13-01T15:04:05Z"`, nil},
		{`"31/31/2026 15:04:05"`, nil},
		{`"2026-05-06T25:04:05Z"`, nil},
		{`"2026-05-06T15:64:05Z"`, nil},
		{`"5/23/2026 13:04:05 PM"`, nil},
		{`"5/23/2026 0:04:05 AM"`, nil},
		{`"23/05/2026 PM"`, nil},
		{`"2026-05-06T15:04:05 BRT"`, nil},
		{`"2026-05-06T15:04:05+99:00"`, nil},
		{`"Wed, 06 May 2026 15:04:05 EST"`, nil},
		{`0`, nil},
		{`-1`, nil},
		{`1e300`, nil},
		{`"\u00`, nil},
	} {
		got := readings(json.RawMessage(c.raw), zonesOf(nil))
		same := len(got) == len(c.want)
		for i := range got {
			same = same && got[i].at.Equal(c.want[i])
		}
		if !same {
			t.Errorf("%s: %v, want %v", c.raw, got, c.want)
		}
	}
}

func TestTheConfiguredZoneCountsToo(t *testing.T) {
	manaus := time.FixedZone("Manaus", -4*60*60)
	got := readings(json.RawMessage(`"2026-05-06T15:04:05"`), zonesOf(manaus))
	if len(got) != 3 || !got[2].at.Equal(atNoon.Add(4*time.Hour)) {
		t.Errorf("%v", got)
	}
	if got := readings(json.RawMessage(`"2026-05-06T15:04:05"`), zonesOf(time.UTC)); len(got) != 2 {
		t.Errorf("the same zone twice: %v", got)
	}
}

// TestZonelessDatesWhereTheClocksChange: an hour that occurs twice is read as the
// first one, and one that does not exist as an hour earlier. An hour too early costs
// at most a renewal; an hour too late would let the token lapse.
func TestZonelessDatesWhereTheClocksChange(t *testing.T) {
	newYork, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ raw, want string }{
		{`"2026-11-01T00:30:00"`, "2026-11-01T04:30:00Z"},
		{`"2026-11-01T01:30:00"`, "2026-11-01T05:30:00Z"},
		{`"2026-11-01T02:30:00"`, "2026-11-01T07:30:00Z"},
		{`"2026-03-08T01:30:00"`, "2026-03-08T06:30:00Z"},
		{`"2026-03-08T02:30:00"`, "2026-03-08T06:30:00Z"},
		{`"2026-03-08T03:30:00"`, "2026-03-08T07:30:00Z"},
	} {
		got := readings(json.RawMessage(c.raw), zonesOf(newYork))
		if len(got) != 3 || got[2].at.UTC().Format(time.RFC3339) != c.want {
			t.Errorf("%s: %v, want %s in the configured zone", c.raw, got, c.want)
		}
	}
}

func FuzzDate(f *testing.F) {
	for _, raw := range []string{
		`"2026-05-06T15:04:05.1234567-03:00"`, `"06/05/2026 15:04:05"`, "\"5/6/2026 3:04:05\u202fPM\"", `"Wed, 06 May 2026 15:04:05 GMT"`,
		`"/Date(1778079845000-0300)/"`, `1778079845`, `"0001-01-01T00:00:00"`, `null`, `"2026-05-06"`, `"23.05.2026, 15:04"`,
	} {
		f.Add(raw, int64(7200))
	}
	f.Fuzz(func(t *testing.T, raw string, minutes int64) {
		minutes = 1 + (minutes&0x7fffffff)%mostMinutes
		at := atNoon
		list := readings(json.RawMessage(raw), zonesOf(time.FixedZone("", 4*3600)))
		if len(list) > 6 {
			t.Errorf("%d readings of %q", len(list), raw)
		}
		for i, r := range list {
			if _, err := r.at.MarshalText(); err != nil {
				t.Errorf("%q parsed as %v, which RFC 3339 cannot express", raw, r.at)
			}
			for _, o := range list[:i] {
				if o.at.Equal(r.at) {
					t.Errorf("%q is read as %v twice", raw, r.at)
				}
			}
		}
		asked := at.Add(time.Duration(minutes) * time.Minute)
		expected := []time.Time{asked, at.Add(defaultMinutes * time.Minute)}
		r, ok := resolve(list, at, expected)
		if ok && !r.at.After(at) {
			t.Errorf("%q is believed to be over: %v", raw, r.at)
		}
		if ok && len(list) > 1 && !within(r.at, expected[0], at) && !within(r.at, expected[1], at) {
			t.Errorf("%q is believed to be %v, far from %v", raw, r.at, expected)
		}
		if end := refreshEnd(list, at, &r.style); !end.IsZero() && !end.After(at) {
			t.Errorf("a refresh token of %q is over at %v", raw, end)
		}
		stated := time.Time{}
		if ok {
			stated = r.at
		}
		end := deadline(at, time.Time{}, stated, asked)
		if !end.After(at) || ok && end.After(stated) || !ok && !end.Equal(asked) {
			t.Errorf("%q, asked %v: the end is %v", raw, asked, end)
		}
	})
}
