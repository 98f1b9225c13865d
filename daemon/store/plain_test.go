package store

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

// usualRecords are records as almost all are, by kind.
func usualRecords() map[schedule.Kind]schedule.Record {
	at := time.Date(2026, 11, 30, 5, 0, 1, 20, time.UTC)
	delivery := schedule.Record{Past: schedule.Past{AttemptAt: at}, Part: schedule.Delivery{
		Delivered:   schedule.Marks{{Name: "a", Mark: schedule.Mark{Generation: 3, Revision: 12}}, {Name: "shops/s1", Mark: schedule.Mark{Generation: 1}}},
		DeliveredAt: at, Target: strings.Repeat("d", 64), Changes: 7,
		Issued: schedule.Issued{{Name: "content", Digests: []string{"0a", "1b"}}, {Name: "other", Digests: []string{"2c"}}},
	}}
	token := smallRecord(41)
	part := token.Token()
	part.CountedExpiry, part.PolicyExpiry = true, true
	part.Values["token_type"] = credential.NewSecret("Bearer")
	token.Part = part
	return map[schedule.Kind]schedule.Record{
		schedule.Obtaining: token, schedule.Delivering: delivery,
		schedule.Hooking: {Past: schedule.Past{AttemptAt: at}, Part: schedule.HookRun{Ran: 7}},
	}
}

// TestPlainDecoderKnowsTheUsualRecords: the usual records need no encoding/json.
func TestPlainDecoderKnowsTheUsualRecords(t *testing.T) {
	d := &plainDecoder{}
	for range 2 { // the memory is used again
		for kind, r := range usualRecords() {
			text, err := encodeRecord(r)
			if err != nil {
				t.Fatal(err)
			}
			if _, plain := d.plain(text); !plain {
				t.Errorf("%s: %s is not plain", buckets[kind], text)
			}
			wantSame(t, d, kind, text)
		}
	}
}

// wantSame compares both ways of decoding.
func wantSame(t *testing.T, d *plainDecoder, kind schedule.Kind, text []byte) {
	t.Helper()
	want, wantErr := decodeRecord(kind, text)
	got, err := d.decode(kind, text)
	if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(got, want) {
		t.Errorf("%s of %s:\ngot  %+v, %v\nwant %+v, %v", buckets[kind], text, got, err, want, wantErr)
	}
}

// TestPlainDecoderAgreesWithJSON changes the texts of records in many ways.
func TestPlainDecoderAgreesWithJSON(t *testing.T) {
	d := &plainDecoder{}
	failed := smallRecord(1)
	failed.Past.Last = &schedule.Note{Reason: credential.ReasonServer, Message: "ação “x”\n"}
	failed.Past.Failures, failed.Past.RetryAt, failed.Past.Open = 3, time.Unix(5, 0).UTC(), true
	failed.Past.History = schedule.HistoryOf(schedule.Attempt{Outcome: schedule.Failed, Reason: credential.ReasonServer, Message: "m"})
	former := smallRecord(2)
	part := former.Token()
	part.Former, part.Unchanged = []schedule.Record{failed}, 2
	part.Seed = map[string]credential.Secret{"refresh_token": credential.NewSecret("a\"\xff"), "é": credential.NewSecret("1")}
	former.Part = part
	for _, r := range []schedule.Record{{}, failed, former, {Part: schedule.Token{}}, {Part: schedule.Delivery{}}, {Part: schedule.HookRun{}}} {
		for kind := range usualRecords() {
			text, err := encodeRecord(r)
			if err != nil {
				t.Fatal(err)
			}
			wantSame(t, d, kind, text)
		}
	}
	for kind, r := range usualRecords() {
		text, err := encodeRecord(r)
		if err != nil {
			t.Fatal(err)
		}
		for i := range text {
			wantSame(t, d, kind, text[:i])
			for _, b := range []byte(`"{}[],:\0-9 é`) {
				changed := bytes.Clone(text)
				changed[i] = b
				wantSame(t, d, kind, changed)
			}
		}
		for _, changed := range [][2]string{
			{`{"past"`, ` {"past"`},
			{`{"past"`, `{"PAST"`},
			{`{"past":{`, `{"new":1,"past":{`},
			{`{"past":{`, `{"past":null,"x":{`},
			{`}`, `,}`},
			{`"revision":41`, `"revision":18446744073709551615`},
			{`"revision":41`, `"revision":041`},
			{`"revision":41`, `"revision":-1`},
			{`"revision":41`, `"revision":1.5`},
			{`:{"content":["0a"`, `:{"content":[],"z":["0a"`},
			{`"a":{`, `"z":{`},
			{`05:00:01`, `25:00:01`},
			{`"ran":7`, `"ran":null`},
			{`"counted_expiry":true`, `"counted_expiry":false`},
			{`"counted_expiry":true`, `"counted_expiry":"true"`},
			{`"counted_expiry":true`, `"counted_expiry":truefalse`},
		} {
			wantSame(t, d, kind, bytes.Replace(text, []byte(changed[0]), []byte(changed[1]), 1))
		}
	}
}

// FuzzPlainDecoder: what it decodes, encoding/json decodes alike.
func FuzzPlainDecoder(f *testing.F) {
	for kind, r := range usualRecords() {
		text, err := json.Marshal(wireOf(r))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(kind), text)
	}
	d := &plainDecoder{}
	f.Fuzz(func(t *testing.T, kind uint8, text []byte) {
		if _, plain := d.plain(text); plain {
			wantSame(t, d, schedule.Kind(kind%providerKind), text)
		}
	})
}

// BenchmarkDecode decodes the usual records in both ways.
func BenchmarkDecode(b *testing.B) {
	for kind, r := range usualRecords() {
		text, err := encodeRecord(r)
		if err != nil {
			b.Fatal(err)
		}
		d, w := &plainDecoder{}, &wireRecord{}
		for name, decode := range map[string]func(schedule.Kind, []byte) (schedule.Record, error){"plain": d.decode, "json": w.decode} {
			b.Run(buckets[kind]+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := decode(kind, text); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
