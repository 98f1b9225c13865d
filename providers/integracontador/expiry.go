package integracontador

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// nextMidnight is the end of the day in Brasília, the documented expiry of a
// procurador token.
func nextMidnight(at time.Time) time.Time {
	y, m, d := at.In(brasilia).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, brasilia)
}

// parseLocal parses data_hora_expiracao, with up to nine digits of a fraction.
// Without an offset, it is local time in Brasília.
func parseLocal(text string) (time.Time, bool) {
	text = strings.TrimSpace(text)
	for _, layout := range []string{"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(layout, text, brasilia); err == nil && plausible(t) {
			return t, true
		}
	}
	return time.Time{}, false
}

// plausible rejects years that no server means and RFC 3339 cannot express.
func plausible(t time.Time) bool { return t.Year() >= 1990 && t.Year() <= 9000 }

// httpDate matches "Sat, 15 Oct 2022 00:00:01 GMT" in either language; the day
// of the week is ignored.
var httpDate = regexp.MustCompile(`^(?:[^\d,]*,)?\s*(\d{1,2})[ -]([a-z]{3})[a-z]*\.?[ -](\d{4})\s+(\d{2}):(\d{2}):(\d{2})\s+(?:gmt|utc)$`)

// parseExpires parses the expires header of a 304 as GMT.
func parseExpires(text string) (time.Time, bool) {
	if t, err := http.ParseTime(strings.TrimSpace(text)); err == nil {
		return t.UTC(), plausible(t)
	}
	m := httpDate.FindStringSubmatch(strings.ToLower(strings.TrimSpace(text)))
	if m == nil {
		return time.Time{}, false
	}
	month := monthOf(m[2])
	n := [5]int{}
	for i, digits := range []string{m[1], m[3], m[4], m[5], m[6]} {
		n[i], _ = strconv.Atoi(digits)
	}
	t := time.Date(n[1], month, n[0], n[2], n[3], n[4], 0, time.UTC)
	// time.Date would turn the 31st of February into March; reject such a date.
	exact := month > 0 && t.Day() == n[0] && n[2] < 24 && n[3] < 60 && n[4] < 60
	return t, exact && plausible(t)
}

// monthOf parses the first three letters of a month, in English or Portuguese.
func monthOf(name string) time.Month {
	const english, portuguese = "janfebmaraprmayjunjulaugsepoctnovdec", "janfevmarabrmaijunjulagosetoutnovdez"
	for _, names := range []string{english, portuguese} {
		if i := strings.Index(names, name); i >= 0 && i%3 == 0 {
			return time.Month(i/3 + 1)
		}
	}
	return 0
}
