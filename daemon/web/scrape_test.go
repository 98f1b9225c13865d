package web

import (
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestScrapesAreShared(t *testing.T) {
	registry := prometheus.NewRegistry()
	var times atomic.Int64
	registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "gathered_total"}, func() float64 {
		return float64(times.Add(1))
	}))
	var epoch atomic.Uint64
	s := newScrapes(registry, epoch.Load)
	ask := func() string {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		return w.Body.String()
	}
	var readers sync.WaitGroup
	for range 50 {
		readers.Go(func() {
			for range 20 {
				ask()
			}
		})
	}
	readers.Wait()
	if n := times.Load(); n > 20 {
		t.Errorf("1000 scrapes of 50 readers gathered %d times", n)
	}
	before := ask()
	epoch.Add(1) // a command has reported something
	if ask() == before {
		t.Error("a scrape after a command shows what was before it")
	}
}
