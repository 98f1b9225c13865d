package web

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// freshFor is how old an answer may be that several readers share.
const freshFor = 250 * time.Millisecond

// scrapes answers /metrics. However many ask at once, the series are gathered
// by one of them, a few times a second at most.
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

// ServeHTTP implements http.Handler. The answer is in the text format that every
// Prometheus reads, packed where the reader can unpack it.
func (s *scrapes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	encoding := ""
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		encoding = "gzip"
	}
	s.shared.Serve(w, r, encoding, func(w http.ResponseWriter) {
		// Nobody's request: many share its answer.
		nobodys, err := http.NewRequest(http.MethodGet, "/metrics", nil) //nolint:noctx // as above
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		nobodys.Header.Set("Accept-Encoding", encoding)
		s.gather.ServeHTTP(w, nobodys)
	})
}
