package schedule

import (
	"testing"
	"time"
)

// instant0 is where the tests' time begins: a Monday, off every round number.
var instant0 = time.Date(2026, 3, 2, 10, 7, 13, 0, time.UTC)

// at reads an instant.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	i, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return i
}
