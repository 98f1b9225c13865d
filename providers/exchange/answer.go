package exchange

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxWait bounds how long a backend can ask us to wait. A longer wait is an
// error in its clock or its arithmetic, and would stop a credential's renewal
// for good.
const maxWait = 7 * 24 * time.Hour

// Answer is the answer of a backend, read to its end.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Truncated means Body is incomplete: the body was too large, cut off or too
	// slow. It is never set for a 2xx status.
	Truncated bool
	// ReceivedAt is when the headers arrived.
	ReceivedAt time.Time
	// Proxy is the host and port of the proxy that may have given the answer itself,
	// which only one for plain http can; or empty.
	Proxy string
}

// OK reports whether the status is 2xx.
func (a *Answer) OK() bool { return a.Status >= 200 && a.Status <= 299 }

// Redirect reports whether the status is a redirect.
func (a *Answer) Redirect() bool {
	return a.Status >= 300 && a.Status <= 399 && a.Status != http.StatusNotModified
}

// Date returns the server's time from the Date header.
func (a *Answer) Date() (time.Time, bool) {
	t, err := http.ParseTime(a.Header.Get("Date"))
	return t, err == nil
}

// RetryAfter returns the time before which the backend asks not to be called
// again, from the Retry-After header in seconds or as a date. It is zero if
// there is no such header, or if it is invalid or in the past. A date is
// compared with the answer's own Date, so a wrong server clock does no harm.
func (a *Answer) RetryAfter(now time.Time) time.Time {
	text := strings.TrimSpace(a.Header.Get("Retry-After"))
	if text != "" && strings.Trim(text, "0123456789.") == "" {
		seconds, _ := strconv.ParseFloat(text, 64) // infinite if out of range
		return later(now, seconds)
	}
	date, err := http.ParseTime(text)
	if err != nil {
		return time.Time{}
	}
	return later(now, date.Sub(a.serverNow(now)).Seconds())
}

// RateLimitReset returns the time in the X-RateLimit-Reset header, given in
// Unix seconds. The rules are those of RetryAfter.
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

// later returns now plus seconds, bounded, or zero if that is not in the
// future.
func later(now time.Time, seconds float64) time.Time {
	switch {
	case !(seconds > 0): // NaN included
		return time.Time{}
	case seconds > maxWait.Seconds():
		return now.Add(maxWait)
	}
	return now.Add(time.Duration(seconds * float64(time.Second)))
}
