package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
)

func TestEveryFieldSurvives(t *testing.T) {
	for _, key := range []*[32]byte{nil, {1, 2, 3}} {
		dir := filepath.Join(t.TempDir(), "made", "here")
		s := open(t, dir, key)
		var cool schedule.ProviderRecord
		n := 0
		fillValue(reflect.ValueOf(&cool).Elem(), &n)
		for _, kind := range []schedule.Kind{schedule.Obtaining, schedule.Delivering, schedule.Hooking} {
			if err := s.Save(t.Context(), schedule.Key{Kind: kind, Name: "loja"}, fullOf(kind)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SaveProvider(t.Context(), "tss", cool); err != nil {
			t.Fatal(err)
		}
		seed := s.Seed()
		for range 2 { // the second time with what the first one has read
			shut(t, s)
			s = open(t, dir, key)
			got := load(t, s)
			for key, r := range got.Records {
				if want := fullOf(key.Kind); !reflect.DeepEqual(r, want) {
					t.Errorf("%v comes back as\n%+v, want\n%+v", key.Kind, r, want)
				}
			}
			if len(got.Records) != 3 || len(got.Providers) != 1 || !reflect.DeepEqual(got.Providers["tss"], cool) {
				t.Errorf("%d records, providers %+v", len(got.Records), got.Providers)
			}
			if s.Seed() != seed || seed == [32]byte{} {
				t.Error("the seed has changed")
			}
		}
		if err := s.Delete(t.Context(), loja); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), schedule.Key{Name: "never-there"}); err != nil {
			t.Error(err)
		}
		shut(t, s)
		s = open(t, dir, key)
		if got := load(t, s).Records; len(got) != 2 {
			t.Errorf("%d records after a deletion, want 2", len(got))
		}
	}
}

func TestTwoStatesHaveTwoSeeds(t *testing.T) {
	if a, b := open(t, t.TempDir(), nil), open(t, t.TempDir(), nil); a.Seed() == b.Seed() {
		t.Error("two states have the same seed")
	}
}

func TestSecretsThatAreNoTextSurvive(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	want := map[string]string{
		"bytes": "\xff\x00\xfe token", "text": "aç <&> \u2028 \"\\", "object": `{"base64":"eA=="}`, "empty": "", "replaced": "\ufffd",
	}
	values := map[string]credential.Secret{}
	for name, text := range want {
		values[name] = credential.NewSecret(text)
	}
	save(t, s, map[schedule.Key]schedule.Record{loja: {Part: schedule.Token{Credential: credential.Credential{Values: values, Seed: values}}}})
	shut(t, s)
	got := load(t, open(t, dir, nil)).Records[loja].Token()
	for name, text := range want {
		if got.Values[name].Reveal() != text || got.Seed[name].Reveal() != text {
			t.Errorf("%s comes back changed", name)
		}
	}
}

func TestHowALifeIsKnownSurvives(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)
	for _, token := range []credential.Credential{
		{ExpiresAt: at, UsefulAfter: at, CountedExpiry: true}, {ExpiresAt: at, PolicyExpiry: true}, {ExpiresAt: at},
	} {
		plain, err := encodeRecord(schedule.Record{Part: schedule.Token{Credential: token}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := decodeRecord(schedule.Obtaining, plain)
		if got := r.Token(); err != nil || got.CountedExpiry != token.CountedExpiry || got.PolicyExpiry != token.PolicyExpiry || !got.ExpiresAt.Equal(at) {
			t.Errorf("%+v comes back as %+v, %v", token, got, err)
		}
	}
}

// TestRecordsOfEarlierVersions decodes records of version 1, with the members of all kinds in
// one object.
func TestRecordsOfEarlierVersions(t *testing.T) {
	at := time.Date(2026, 11, 2, 3, 4, 5, 6, time.UTC)
	past := schedule.Past{AttemptAt: at, Failures: 2, History: schedule.HistoryOf(schedule.Attempt{At: at, Took: 7, Outcome: schedule.Renewed})}
	const common = `{"past":{"attempt_at":"2026-11-02T03:04:05.000000006Z","failures":2,"history":[{"at":"2026-11-02T03:04:05.000000006Z","took":7,"outcome":"renewed"}]},`
	was := schedule.Record{Part: schedule.Token{Identity: "former", Revision: 1, LeftAt: at}}
	for _, tt := range []struct {
		kind schedule.Kind
		text string
		want schedule.Part
	}{
		{
			schedule.Obtaining,
			`"revision":4,"obtained_at":"2026-11-02T03:04:05.000000006Z","unchanged":1,"identity":"i","token_of":"o","inputs":"in",` +
				`"token":{"generation":3,"values":{"t":"v"},"seed_bytes":{"s":"/w=="},"expires_at":"2026-11-02T03:04:05.000000006Z"},"former":[{"revision":1,"identity":"former","left_at":"2026-11-02T03:04:05.000000006Z"}]}`,
			schedule.Token{Revision: 4, ObtainedAt: at, Unchanged: 1, Identity: "i", TokenOf: "o", Inputs: "in", Former: []schedule.Record{was}, Credential: credential.Credential{
				Generation: 3, Values: map[string]credential.Secret{"t": credential.NewSecret("v")}, Seed: map[string]credential.Secret{"s": credential.NewSecret("\xff")}, ExpiresAt: at,
			}},
		},
		{
			schedule.Delivering,
			`"delivered":{"a":{"generation":3,"revision":4}},"delivered_at":"2026-11-02T03:04:05.000000006Z","target":"t","issued":{"f":["1","2"]},"changes":9}`,
			schedule.Delivery{Delivered: schedule.Marks{{Name: "a", Mark: schedule.Mark{Generation: 3, Revision: 4}}}, DeliveredAt: at, Target: "t", Issued: schedule.Issued{{Name: "f", Digests: []string{"1", "2"}}}, Changes: 9},
		},
		{schedule.Hooking, `"ran":8}`, schedule.HookRun{Ran: 8}},
	} {
		got, err := decodeRecord(tt.kind, []byte(common+tt.text))
		if want := (schedule.Record{Past: past, Part: tt.want}); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, %v, want %+v", tt.kind, got, err, want)
		}
		again, err := encodeRecord(got)
		if back, errBack := decodeRecord(tt.kind, again); err != nil || errBack != nil || !reflect.DeepEqual(back, got) {
			t.Errorf("%s: stored again as %s", tt.kind, again)
		}
	}
}

// TestOtherVersionsOfARecord: members of a later version are ignored, absent ones are zero.
func TestOtherVersionsOfARecord(t *testing.T) {
	r, err := decodeRecord(schedule.Obtaining, []byte(`{"later":{"a":[1]},"revision":7,"token":{"later":1,"values":{"token":"x"}}}`))
	if err != nil || r.Token().Revision != 7 || r.Token().Values["token"].Reveal() != "x" || r.Past.Failures != 0 || r.Token().Seed != nil {
		t.Errorf("decoded %+v, %v", r, err)
	}
	if plain, err := encodeRecord(schedule.Record{}); err != nil || string(plain) != "{}" {
		t.Errorf("an empty record is %s, %v", plain, err)
	}
	for _, bad := range []string{"", "null,", "[]", `{"revision":"x"}`, `{"token":{"values":{"token":1}}}`, `{"token":{"values_bytes":{"token":1}}}`} {
		if r, err := decodeRecord(schedule.Obtaining, []byte(bad)); !errors.Is(err, errNotReadable) {
			t.Errorf("%q decodes to %+v, %v", bad, r, err)
		}
		if _, err := decodeProvider([]byte(bad)); err == nil && !strings.HasPrefix(bad, "{") {
			t.Errorf("%q decodes to a provider", bad)
		}
	}
}

func TestRecordsThatCannotBeSaved(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	for name, r := range map[string]schedule.Record{"beyond the calendar": {Part: schedule.Token{ObtainedAt: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)}}} {
		if err := s.Save(t.Context(), loja, r); err == nil || !strings.Contains(err.Error(), "save record loja") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.SaveProvider(t.Context(), "tss", schedule.ProviderRecord{CooldownUntil: time.Date(20000, 1, 1, 0, 0, 0, 0, time.UTC)}); err == nil {
		t.Error("a provider beyond the calendar is saved")
	}
	for _, key := range []schedule.Key{{}, {Kind: 99, Name: "x"}, {Name: ""}} {
		if err := s.Save(t.Context(), key, schedule.Record{}); err == nil {
			t.Errorf("%+v is saved", key)
		}
		if err := s.Delete(t.Context(), key); err == nil {
			t.Errorf("%+v is deleted", key)
		}
	}
	if got := load(t, s); len(got.Records)+len(got.Providers) > 0 {
		t.Errorf("the state holds %+v", got)
	}
}

func TestAClosedStateRefuses(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	shut(t, s)
	if err := s.Save(t.Context(), loja, schedule.Record{}); !errors.Is(err, errClosed) {
		t.Errorf("saved after the end: %v", err)
	}
}

func TestFilesAreForTheOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	s := open(t, dir, nil)
	save(t, s, records(3))
	for _, path := range []string{dir, filepath.Join(dir, fileName), filepath.Join(dir, lockName)} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
	if got := names(t, dir); !slices.Equal(got, []string{lockName, fileName}) {
		t.Errorf("the directory holds %v", got)
	}
}

func TestDirectoryThatCannotBeUsed(t *testing.T) {
	base := t.TempDir()
	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "state"), Options{}); err == nil || !strings.Contains(err.Error(), "state_dir") {
		t.Errorf("a directory below a file: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(base, "locked", lockName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(base, "locked"), Options{}); err == nil || !strings.Contains(err.Error(), "lock the state directory") {
		t.Errorf("a lock that is a directory: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(base, "new", freshName, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(base, "new"), Options{}); err == nil {
		t.Error("a temporary file that cannot be removed is ignored")
	}
	if err := os.MkdirAll(filepath.Join(base, "dir", fileName), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(base, "dir"), Options{}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("a state that is a directory: %v", err)
	}
}

func FuzzDecodeRecord(f *testing.F) {
	data, err := encodeRecord(fullRecord())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"past":{"history":[{}]},"token":{"values_bytes":{"a":"/w=="}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := decodeRecord(schedule.Obtaining, data)
		if err != nil {
			if strings.Contains(err.Error(), canary) {
				t.Fatal("the error repeats what was read")
			}
			return
		}
		// The first encoding may drop what is empty; after that nothing changes.
		var stored [3][]byte
		for i := range stored {
			if stored[i], err = encodeRecord(r); err != nil {
				t.Fatalf("what was decoded cannot be encoded: %v", err)
			}
			if r, err = decodeRecord(schedule.Obtaining, stored[i]); err != nil {
				t.Fatalf("what was encoded cannot be decoded: %v", err)
			}
		}
		if !bytes.Equal(stored[1], stored[2]) {
			t.Fatalf("a record changes when it is stored again:\n%s\n%s", stored[1], stored[2])
		}
		if !json.Valid(stored[0]) {
			t.Fatal("no JSON")
		}
	})
}
