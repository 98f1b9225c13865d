package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// freshFor is the maximum age of a shared answer.
const freshFor = 250 * time.Millisecond

// scrapes answers /metrics. Whatever the number of scrapers, the series are gathered
// at most a few times a second.
type scrapes struct {
	gather http.Handler
	shared *Shared
}

func newScrapes(g prometheus.Gatherer, epoch func() uint64) *scrapes {
	return &scrapes{
		gather: promhttp.HandlerFor(g, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}),
		shared: newShared(freshFor, epoch),
	}
}

// ServeHTTP implements http.Handler. The answer is in the Prometheus text format,
// compressed if the client accepts that.
func (s *scrapes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	encoding := ""
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		encoding = "gzip"
	}
	s.shared.Serve(w, r, encoding, func(w http.ResponseWriter) {
		// A request of no particular client, because many share its answer.
		nobodys, err := http.NewRequest(http.MethodGet, "/metrics", nil) //nolint:noctx // as above
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		nobodys.Header.Set("Accept-Encoding", encoding)
		s.gather.ServeHTTP(w, nobodys)
	})
}
