package main

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The renewals are spread as those of 100,000 tokens over an hour: at another size the
// rate is the same and the hour is shorter. At most renewingFor of it is measured.
const (
	perToken    = time.Hour / 100_000
	renewingFor = 30 * time.Second
	renewAhead  = time.Minute
	renewInTurn = "renew_before = \"1m\"\njitter = \"0s\"\n"
)

// window lets the tokens of a cold start be renewed one by one, in an hour that begins
// when everything else has been measured.
type window struct {
	n      int
	margin time.Duration
	begun  atomic.Int64 // start of the daemon; 0 before
	calls  atomic.Int64 // since then
	at     atomic.Int64 // when the first of them is renewed
}

// open begins with the tokens.
func (w *window) open() { w.begun.Store(time.Now().UnixNano()) }

// life returns the lifetime of the next token. The hour must begin after the start, the
// idle time and the restart, whose lengths are not known yet. So the first tokens of
// the start are renewed last: an error in the estimate at the beginning moves them
// within the hour, and the last ones know how long the start has taken.
func (w *window) life(*http.Request) (time.Duration, bool) {
	begun := w.begun.Load()
	if begun == 0 {
		return longLife, true
	}
	k := w.calls.Add(1)
	if k > int64(w.n) {
		return longLife, true
	}
	now := time.Now()
	start := time.Duration(float64(now.UnixNano()-begun) * float64(w.n) / float64(k))
	at := time.Unix(0, begun).Add(start + start/2 + w.margin)
	if k == int64(w.n) {
		w.at.Store(at.UnixNano())
	}
	return at.Sub(now) + time.Duration(int64(w.n)-k)*perToken + renewAhead, true
}

// renewing measures the scheduler lag while the tokens are renewed.
func (b *bench) renewing() error {
	length := min(renewingFor, time.Duration(b.n)*perToken)
	time.Sleep(max(time.Second, time.Until(time.Unix(0, b.window.at.Load()))))
	before, _, err := b.get("/metrics")
	if err != nil {
		return err
	}
	calls := b.server.calls.Load()
	time.Sleep(length)
	after, _, err := b.get("/metrics")
	if err != nil {
		return err
	}
	b.renewed = b.server.calls.Load() - calls
	b.lag, err = quantile(.99, before, after)
	return err
}

// lagSeries is the histogram of the scheduler lag.
const lagSeries = "vigente_scheduler_lag_seconds_bucket"

// quantile returns the quantile of what was added to the histogram between two scrapes,
// in milliseconds, as Prometheus computes it.
func quantile(q float64, before, after string) (float64, error) {
	was, err1 := buckets(before)
	is, err2 := buckets(after)
	if err := errors.Join(err1, err2); err != nil {
		return 0, err
	}
	bounds := make([]float64, 0, len(is))
	for bound := range is {
		bounds = append(bounds, bound)
	}
	slices.SortFunc(bounds, cmp.Compare[float64])
	if len(bounds) == 0 {
		return 0, fmt.Errorf("the metrics do not contain %s", lagSeries)
	}
	rank := q * (is[math.Inf(1)] - was[math.Inf(1)])
	if rank == 0 {
		return math.NaN(), nil
	}
	low, below := 0.0, 0.0
	for _, bound := range bounds {
		count := is[bound] - was[bound]
		if count >= rank {
			if math.IsInf(bound, 1) {
				return low * 1000, nil
			}
			return (low + (bound-low)*(rank-below)/(count-below)) * 1000, nil
		}
		low, below = bound, count
	}
	return low * 1000, nil
}

// buckets reads the histogram from a scrape: the count of every bound.
func buckets(text string) (map[float64]float64, error) {
	out := map[float64]float64{}
	for line := range strings.Lines(text) {
		rest, found := strings.CutPrefix(line, lagSeries+`{le="`)
		if !found {
			continue
		}
		bound, count, _ := strings.Cut(strings.TrimSpace(rest), `"} `)
		b, err1 := strconv.ParseFloat(bound, 64)
		c, err2 := strconv.ParseFloat(count, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("read %s: %w", strings.TrimSpace(line), err)
		}
		out[b] = c
	}
	return out, nil
}
