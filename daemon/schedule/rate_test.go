package schedule

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestParseRates(t *testing.T) {
	for _, c := range []struct {
		text string
		want []Rate
	}{
		{"", nil},
		{"  ", nil},
		{"4/s", []Rate{{4, time.Second}}},
		{" 4 / s ", []Rate{{4, time.Second}}},
		{"240/min", []Rate{{240, time.Minute}}},
		{"2400/h", []Rate{{2400, time.Hour}}},
		{"4/s, 240/min,2400/h", []Rate{{4, time.Second}, {240, time.Minute}, {2400, time.Hour}}},
		{"1000000/s", []Rate{{1_000_000, time.Second}}},
	} {
		got, err := ParseRates(c.text)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("ParseRates(%q) = %v, %v; want %v", c.text, got, err, c.want)
		}
	}
	for _, text := range []string{"4", "4/", "/s", "0/s", "-1/s", "1.5/s", "1000001/s", "4/m", "4/sec", "4/d", "4/s,", ",", "4/s 5/min", "4/1s", "x/s", "99999999999999999999/s"} {
		if got, err := ParseRates(text); err == nil {
			t.Errorf("ParseRates(%q) = %v, want an error", text, got)
		}
	}
}

func TestRateIsWrittenAsItIsRead(t *testing.T) {
	for _, text := range []string{"4/s", "240/min", "2400/h"} {
		rates, err := ParseRates(text)
		if err != nil || rates[0].String() != text {
			t.Errorf("ParseRates(%q) gives %v, %v", text, rates, err)
		}
	}
	if got := (Rate{3, 5 * time.Second}).String(); got != "3/5s" {
		t.Errorf("a rate over another window is written %q", got)
	}
}

// call takes a call from the bucket as the board does: at the first allowed instant,
// not before now.
func call(b *bucket, now time.Time) time.Time {
	at := b.allowedAt(now)
	b.take(at)
	return at
}

var someRates = []Rate{
	{1, time.Second},
	{2, time.Second},
	{3, time.Second},
	{4, time.Second},
	{9, time.Second},
	{10, time.Second},
	{11, time.Second},
	{19, time.Second},
	{20, time.Second},
	{70, time.Second},
	{99, time.Second},
	{1000, time.Second},
	{1, time.Minute},
	{7, time.Minute},
	{240, time.Minute},
	{1, time.Hour},
	{2400, time.Hour},
}

// busiest returns the largest number of instants in a half-open window.
func busiest(at []time.Time, per time.Duration) int {
	most, from := 0, 0
	for i := range at {
		for at[i].Sub(at[from]) >= per {
			from++
		}
		most = max(most, i-from+1)
	}
	return most
}

func TestBucketKeepsEveryWindowUnderAnyArrivals(t *testing.T) {
	for _, rate := range someRates {
		for seed := range uint64(20) {
			rng := rand.New(rand.NewPCG(seed, uint64(rate.Calls)))
			b, now := newBucket(rate), instant0
			var at []time.Time
			for range 5 * rate.Calls {
				// Idle periods of up to two windows, near misses, and bursts.
				switch rng.IntN(8) {
				case 0:
					now = now.Add(time.Duration(rng.Int64N(int64(2 * rate.Per))))
				case 1, 2:
					now = now.Add(time.Duration(rng.Int64N(int64(2 * b.step))))
				}
				now = call(&b, now)
				at = append(at, now)
			}
			if n := busiest(at, rate.Per); n > rate.Calls {
				t.Fatalf("%v, seed %d: %d calls in one window", rate, seed, n)
			}
		}
	}
}

func TestBucketKeepsTheWindowOfAMillionCalls(t *testing.T) {
	for _, calls := range []int{900_000, 999_999, 1_000_000} {
		b, n := newBucket(Rate{calls, time.Second}), 0
		for at := instant0; at.Sub(instant0) < time.Second; at = b.allowedAt(at) {
			b.take(at)
			n++
		}
		if n > calls || n < calls*95/100 {
			t.Errorf("%d calls a second: %d in the first", calls, n)
		}
	}
}

func TestBurstIsSmallAndTheRateIsUsed(t *testing.T) {
	for _, rate := range someRates {
		b := newBucket(rate)
		burst := 0
		for ; b.allowedAt(instant0).Equal(instant0); burst++ {
			b.take(instant0)
		}
		if most := max(1, rate.Calls/10); burst < 1 || burst > most {
			t.Errorf("%v: a burst of %d at once, want at most a tenth, %d", rate, burst, most)
		}
		const windows = 50
		calls, now := burst, instant0
		for now = call(&b, now); now.Before(instant0.Add(windows * rate.Per)); now = call(&b, now) {
			calls++
		}
		if share := float64(calls) / float64(windows*rate.Calls); share < 0.95 || share > 1 {
			t.Errorf("%v: %.0f %% of the rate in the long run", rate, 100*share)
		}
	}
}

func TestIdleTimeGivesNoMoreThanOneBurst(t *testing.T) {
	b := newBucket(Rate{100, time.Second})
	for range 30 {
		call(&b, instant0)
	}
	later, burst := instant0.Add(time.Hour), 0
	for ; b.allowedAt(later).Equal(later); burst++ {
		b.take(later)
	}
	if burst != 3 {
		t.Errorf("a burst of %d after an idle hour, want 3", burst)
	}
}

// TestLateTurnsAreMadeUpFor: a machine that is slightly late for every call still uses
// the rate, and exceeds it in no window.
func TestLateTurnsAreMadeUpFor(t *testing.T) {
	for _, rate := range []Rate{{4, time.Second}, {50, time.Second}, {240, time.Minute}} {
		b, now := newBucket(rate), instant0
		rng := rand.New(rand.NewPCG(1, uint64(rate.Calls)))
		var at []time.Time
		for now.Sub(instant0) < 50*rate.Per {
			now = b.allowedAt(now).Add(time.Duration(rng.Int64N(int64(5 * time.Millisecond))))
			b.take(now)
			at = append(at, now)
		}
		if share := float64(len(at)) / float64(50*rate.Calls); share < 0.95 {
			t.Errorf("%v: %.1f %% of the rate is used", rate, 100*share)
		}
		if n := busiest(at, rate.Per); n > rate.Calls {
			t.Errorf("%v: %d calls in one window", rate, n)
		}
	}
}
