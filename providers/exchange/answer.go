package exchange

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxWait bounds what a backend can ask us to wait; more than this is a slip
// of its clock or its arithmetic, and would silence a credential for ever.
const maxWait = 7 * 24 * time.Hour

// Answer is what a backend answered, read to the end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Truncated says that Body is not whole: too large, cut or too slow. An
	// answer of status 2xx never is.
	Truncated bool
	// ReceivedAt is when the headers had arrived.
	ReceivedAt time.Time
	// Proxy is the host and port of the proxy that the answer came through;
	// empty without one.
	Proxy string
}

// OK reports whether the status is 2xx.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status <= 299 }

// Redirect reports a status that sends the caller elsewhere.
func (a *Answer) Redirect() bool {
	return a.Status >= 300 && a.Status <= 399 && a.Status != http.StatusNotModified
}

// Date returns the server's clock as the answer states it.
func (a *Answer) Date() (time.Time, bool) {
	t, err := http.ParseTime(a.Header.Get("Date"))
	return t, err == nil
}

// RetryAfter returns the instant before which the backend asks not to be
// called again: the Retry-After header, in seconds or as a date. It is zero
// when there is none, when it cannot be read, or when it has passed. A date is
// read against the answer's own Date, so that a wrong clock over there does
// no harm.
func (a *Answer) RetryAfter(now time.Time) time.Time {
	text := strings.TrimSpace(a.Header.Get("Retry-After"))
	if text != "" && strings.Trim(text, "0123456789.") == "" {
		seconds, _ := strconv.ParseFloat(text, 64) // infinite when out of range
		return later(now, seconds)
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return time.Time{}
	}
	return later(now, date.Sub(a.serverNow(now)).Seconds())
}

// RateLimitReset returns the instant in the X-RateLimit-Reset header, in Unix
// seconds, under the same rules as RetryAfter.
func (a *Answer) RateLimitReset(now time.Time) time.Time {
	unix, err := strconv.ParseInt(strings.TrimSpace(a.Header.Get("X-RateLimit-Reset")), 10, 64)
	if err != nil {
		return time.Time{}
	}
	return later(now, float64(unix-a.serverNow(now).Unix()))
}

func (a *Answer) serverNow(now time.Time) time.Time {
	if date, ok := a.Date(); ok {
		return date
	}
	return now
}

// later returns now plus seconds, bounded, or zero when that is not later.
func later(now time.Time, seconds float64) time.Time {
	switch {
	case !(seconds > 0): // NaN included
		return time.Time{}
	case seconds > maxWait.Seconds():
		return now.Add(maxWait)
	}
	return now.Add(time.Duration(seconds * float64(time.Second)))
}
