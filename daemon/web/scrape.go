package web

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// freshFor is how old an answer may be that several readers share.
const freshFor = 250 * time.Millisecond

// scrapes answers /metrics. However many ask at once, the series are gathered
// by one of them, a few times a second at most, and nobody who does not read
// the answer keeps others from theirs.
type scrapes struct {
	gather http.Handler
	epoch  func() uint64

	mu            sync.Mutex
	plain, packed scraped
}

// scraped is one answer, in one encoding.
type scraped struct {
	at     time.Time
	epoch  uint64
	status int
	header http.Header
	text   []byte
}

func newScrapes(g prometheus.Gatherer, epoch func() uint64) *scrapes {
	return &scrapes{epoch: epoch, gather: promhttp.HandlerFor(g, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})}
}

// ServeHTTP implements http.Handler.
func (s *scrapes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	packed := strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
	answer := s.answer(packed)
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(answer.text)))
	w.WriteHeader(answer.status)
	_, _ = w.Write(answer.text)
}

// answer gathers, unless somebody did a moment ago.
func (s *scrapes) answer(packed bool) scraped {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := &s.plain
	if packed {
		last = &s.packed
	}
	if now, epoch := time.Now(), s.epoch(); now.Sub(last.at) > freshFor || epoch != last.epoch {
		*last = s.scrape(packed)
		last.at, last.epoch = now, epoch
	}
	return *last
}

// scrape gathers into memory, in the text format that every Prometheus reads.
func (s *scrapes) scrape(packed bool) scraped {
	r, err := http.NewRequest(http.MethodGet, "/metrics", nil) //nolint:noctx // nobody's request: many share its answer
	if err != nil {
		return scraped{status: http.StatusInternalServerError}
	}
	if packed {
		r.Header.Set("Accept-Encoding", "gzip")
	}
	kept := &memory{header: http.Header{}, status: http.StatusOK}
	s.gather.ServeHTTP(kept, r)
	return scraped{status: kept.status, header: kept.header, text: kept.text.Bytes()}
}

// memory is an http.ResponseWriter that keeps the answer.
type memory struct {
	header http.Header
	status int
	text   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (m *memory) Header() http.Header { return m.header }

// WriteHeader implements http.ResponseWriter.
func (m *memory) WriteHeader(status int) { m.status = status }

// Write implements http.ResponseWriter.
func (m *memory) Write(text []byte) (int, error) { return m.text.Write(text) }
