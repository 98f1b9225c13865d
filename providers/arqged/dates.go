package arqged

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The manual gives the type of the dates as "string" and shows no example. So a
// date is parsed in every way that a .NET service may have written it, and the
// reading nearest to the requested lifetime is used.

// zone is a zone in which a date without one may have been written.
type zone struct {
	name string
	*time.Location
}

// zonesOf returns the zones to try for dates without one: UTC, Brasília (no
// daylight saving time since 2019), and the configured zone.
func zonesOf(configured *time.Location) []zone {
	zones := []zone{{"UTC", time.UTC}, {"-03:00", time.FixedZone("-03:00", -3*60*60)}}
	if configured != nil {
		zones = append(zones, zone{"configured", configured})
	}
	return zones
}

// style is how a date was parsed, so that the date next to it is parsed in the
// same way.
type style struct {
	monthFirst bool
	zone       string // empty if the date states it
}

// reading is one way to parse a date.
type reading struct {
	at time.Time
	style
}

var (
	isoDate = regexp.MustCompile(`^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]| +)(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)? *(.*)$`)
	// Day and month, in either order.
	slashDate = regexp.MustCompile(`^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})(?:,? +(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?)? *(.*)$`)
	halfOfDay = regexp.MustCompile(`^([AaPp])\.?[Mm]\.?(.*)$`)
	dotNet    = regexp.MustCompile(`^/Date\((-?\d{1,18})(?:[+-]\d{4})?\)/$`)
	plainUnix = regexp.MustCompile(`^\d{9,18}(?:\.\d{1,9})?$`)
	offset    = regexp.MustCompile(`^([+-])(\d\d):?(\d\d)?$`)
)

// readings returns every way to parse a member that holds a date. It returns nil
// if the member is absent, empty or not a date. It is a pure function.
func readings(raw json.RawMessage, zones []zone) []reading {
	text := strings.TrimSpace(string(raw))
	if strings.HasPrefix(text, `"`) {
		if json.Unmarshal(raw, &text) != nil {
			return nil
		}
	}
	text = plainBlanks(text)
	if m := dotNet.FindStringSubmatch(text); m != nil {
		ms, _ := strconv.ParseInt(m[1], 10, 64) // at most 18 digits
		return sane([]reading{{at: time.UnixMilli(ms)}})
	}
	if plainUnix.MatchString(text) {
		return sane(unixReading(text))
	}
	for _, layout := range []string{time.RFC1123, time.RFC1123Z, "Mon, 2 Jan 2006 15:04:05 MST"} {
		// GMT and UTC are the only zone names with one meaning everywhere.
		if t, err := time.Parse(layout, text); err == nil && (layout == time.RFC1123Z || strings.HasSuffix(text, " GMT") || strings.HasSuffix(text, " UTC")) {
			return sane([]reading{{at: t}})
		}
	}
	if m := isoDate.FindStringSubmatch(text); m != nil {
		return sane(clockReadings(m[1], m[2], m[3], m[4:], false, zones))
	}
	if m := slashDate.FindStringSubmatch(text); m != nil {
		dayFirst := clockReadings(m[3], m[2], m[1], m[4:], false, zones)
		return sane(append(dayFirst, clockReadings(m[3], m[1], m[2], m[4:], true, zones)...))
	}
	return nil
}

// plainBlanks replaces the special blanks that .NET on Linux writes before AM
// and PM (dotnet/runtime issues 83571, 90627 and 102220), and removes direction
// marks.
func plainBlanks(text string) string {
	text = strings.Map(func(r rune) rune {
		switch r {
		case '\u00a0', '\u202f', '\u2009', '\t':
			return ' '
		case '\u200e', '\u200f', '\ufeff':
			return -1
		}
		return r
	}, text)
	return strings.TrimSpace(text)
}

// unixReading parses seconds, or milliseconds if the number read as seconds
// would be after the year 5000.
func unixReading(text string) []reading {
	whole, fraction, _ := strings.Cut(text, ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err != nil {
		return nil
	}
	if n >= 1e11 {
		return []reading{{at: time.UnixMilli(n)}}
	}
	return []reading{{at: time.Unix(n, int64(nanoseconds(fraction)))}}
}

// clockReadings combines a date with the rest of its text: hours, minutes,
// seconds, fraction, and what follows.
func clockReadings(year, month, day string, rest []string, monthFirst bool, zones []zone) []reading {
	tail := strings.TrimSpace(rest[4])
	h := number(rest[0])
	if m := halfOfDay.FindStringSubmatch(tail); m != nil {
		var ok bool
		if h, ok = twelveHours(h, m[1]); !ok {
			return nil // also if there is no hour, which is parsed as 0
		}
		tail = strings.TrimSpace(m[2])
	}
	y, mo, d, mi, s := number(year), number(month), number(day), number(rest[1]), number(rest[2])
	if h > 23 || mi > 59 || s > 59 {
		return nil
	}
	in := func(loc *time.Location) (time.Time, bool) {
		t := time.Date(y, time.Month(mo), d, h, mi, s, nanoseconds(rest[3]), loc)
		// time.Date normalises a day past the end of the month; a stated date has none.
		check := time.Date(y, time.Month(mo), d, 0, 0, 0, 0, time.UTC)
		return t, check.Year() == y && int(check.Month()) == mo && check.Day() == d
	}
	if tail != "" {
		loc, ok := statedZone(tail)
		t, real := in(loc)
		if !ok || !real {
			return nil
		}
		return []reading{{t, style{monthFirst: monthFirst}}}
	}
	var all []reading
	for _, z := range zones {
		if t, real := in(z.Location); real {
			all = append(all, reading{t, style{monthFirst, z.name}})
		}
	}
	return all
}

func twelveHours(h int, half string) (int, bool) {
	if h < 1 || h > 12 {
		return 0, false
	}
	h %= 12
	if strings.EqualFold(half, "p") {
		h += 12
	}
	return h, true
}

// statedZone parses the zone in a date.
func statedZone(text string) (*time.Location, bool) {
	switch strings.ToUpper(text) {
	case "Z", "UTC", "GMT":
		return time.UTC, true
	}
	m := offset.FindStringSubmatch(text)
	if m == nil || number(m[2]) > 14 || number(m[3]) > 59 {
		return time.UTC, false
	}
	seconds := number(m[2])*3600 + number(m[3])*60
	if m[1] == "-" {
		seconds = -seconds
	}
	return time.FixedZone("", seconds), true
}

// number parses at most nine digits that an expression has matched; "" is 0.
func number(digits string) int {
	n, _ := strconv.Atoi(digits)
	return n
}

// nanoseconds parses the digits of a fraction.
func nanoseconds(digits string) int {
	return number((digits + "000000000")[:9])
}

// sane removes readings that no server means: the year 1, which is .NET's unset
// date, and times that RFC 3339 cannot express. Duplicates are removed too.
func sane(list []reading) []reading {
	var out []reading
	for _, r := range list {
		r.at = r.at.UTC()
		if y := r.at.Year(); y < 1990 || y > 9998 {
			continue
		}
		known := false
		for _, o := range out {
			known = known || o.at.Equal(r.at)
		}
		if !known {
			out = append(out, r)
		}
	}
	return out
}
