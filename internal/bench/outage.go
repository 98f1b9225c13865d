package main

import (
	"math"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// The outage: tokens of two minutes, and a server that answers 503 for half a minute
// from the first renewal on. A larger fleet than mostInOutage cannot renew tokens of
// two minutes at all on a small machine, and a smaller one than leastInOutage shows
// nothing.
const (
	shortLife     = 2 * time.Minute
	minInterval   = 30 * time.Second // the default of min_interval
	outageFor     = 30 * time.Second
	leastInOutage = 1000
	mostInOutage  = 10_000
)

// outage is what an outage did to a fleet.
type outage struct {
	met      float64 // credentials that were to be renewed during the outage
	attempts float64 // calls that failed
	expired  float64 // credentials whose token expired before the next arrived
	forced   float64 // those of them for which min_interval allowed no earlier call
	latest   float64 // seconds from the end of the outage until all had been renewed
}

// outageOf measures an outage. Without one of this size the figures are NaN.
func outageOf(binary, dir string, n int) (outage, error) {
	if n < leastInOutage || n > mostInOutage {
		return outage{math.NaN(), math.NaN(), math.NaN(), math.NaN(), math.NaN()}, nil
	}
	dir = filepath.Join(dir, "outage")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return outage{}, err
	}
	o := &outages{n: n, expires: map[string]time.Time{}, failed: map[string]time.Time{}, renewed: map[string]bool{}, over: make(chan struct{})}
	server, err := serve(filepath.Join(dir, "ca.pem"), o.life)
	if err != nil {
		return outage{}, err
	}
	defer server.http.Close()
	in, err := install(binary, dir, n, server, "")
	if err != nil {
		return outage{}, err
	}
	cmd, _, err := in.run()
	if err != nil {
		return outage{}, err
	}
	select {
	case <-o.over:
	case <-time.After(2*shortLife + outageFor):
	}
	return o.result(), end(cmd)
}

// outages observes the calls of every credential.
type outages struct {
	n int

	mu      sync.Mutex
	begun   time.Time // of the outage; zero before
	expires map[string]time.Time
	calls   int                  // that failed
	failed  map[string]time.Time // the last of each credential
	renewed map[string]bool      // those whose token was renewed after the outage had begun
	expired int
	forced  int
	last    time.Time
	over    chan struct{} // closed when all were renewed
}

func (o *outages) life(r *http.Request) (time.Duration, bool) {
	name := r.FormValue("scope")
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	until, known := o.expires[name]
	if known && o.begun.IsZero() {
		o.begun = now
	}
	if !o.begun.IsZero() && now.Before(o.begun.Add(outageFor)) {
		o.calls++
		o.failed[name] = now
		return 0, false
	}
	o.expires[name] = now.Add(shortLife)
	if !known || o.renewed[name] {
		return shortLife, true
	}
	o.renewed[name], o.last = true, now
	if now.After(until) {
		o.expired++
		if failed, met := o.failed[name]; met && failed.Add(minInterval).After(until) {
			o.forced++
		}
	}
	if len(o.renewed) == o.n {
		close(o.over)
	}
	return shortLife, true
}

func (o *outages) result() outage {
	o.mu.Lock()
	defer o.mu.Unlock()
	return outage{
		met: float64(len(o.failed)), attempts: float64(o.calls), expired: float64(o.expired + o.n - len(o.renewed)),
		forced: float64(o.forced),
		latest: o.last.Sub(o.begun.Add(outageFor)).Seconds(),
	}
}
