package schedule

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/vigented/vigente/credential"
)

// TestHistoryKeepsAttempts: a history returns the attempts it was made of, in JSON too,
// which is that of a list of attempts.
func TestHistoryKeepsAttempts(t *testing.T) {
	at := time.Date(2026, 3, 2, 10, 0, 0, 123456789, time.UTC)
	attempts := []Attempt{
		{At: at, Took: 1, Outcome: Renewed},
		{At: at.Add(time.Hour), Took: time.Minute, Outcome: Unchanged, AfterUnknown: true},
		{At: at.Add(time.Hour), Outcome: Failed, Reason: credential.ReasonServer, Message: "503"},
		{At: at.AddDate(500, 0, 0), Outcome: Renewed, Message: "with a note"},
		{At: at.AddDate(-500, 0, 0), Outcome: "of a newer version"},
		{},
	}
	for n := range len(attempts) + 1 {
		h := HistoryOf(attempts[:n]...)
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		if n > 0 {
			if want, _ := json.Marshal(attempts[:n]); string(text) != string(want) {
				t.Errorf("%d attempts: got %s, want %s", n, text, want)
			}
		}
		var back History
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		for _, got := range [][]Attempt{h.Attempts(), back.Attempts()} {
			if len(got) != n || n > 0 && !reflect.DeepEqual(got, attempts[:n]) {
				t.Errorf("%d attempts: got %v", n, got)
			}
		}
		if last := h.Last(); n > 0 && last != attempts[n-1] || n == 0 && last != (Attempt{}) {
			t.Errorf("the last of %d attempts: got %v", n, last)
		}
	}
}

// TestHistoryCanAlwaysBeStored: JSON knows the years 0 to 9999 only.
func TestHistoryCanAlwaysBeStored(t *testing.T) {
	for _, text := range []string{"9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"} {
		var h History
		if err := json.Unmarshal([]byte(`[{"at":"`+text+`"}]`), &h); err != nil {
			t.Fatal(err)
		}
		if _, err := json.Marshal(h); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestHistoryIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(historyLine{}); size > 32 {
		t.Errorf("an attempt takes %d bytes, want 32 at most", size)
	}
}
