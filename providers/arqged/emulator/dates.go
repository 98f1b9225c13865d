package emulator

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DateForm is how the dates of an answer are written; the manual does not say.
type DateForm string

// The forms. The zero value is DateTime through System.Text.Json.
const (
	ISO         DateForm = ""             // 2026-06-06T12:00:00, with a zone or without
	ISOFraction DateForm = "iso-fraction" // seven digits of a second
	ISOBlank    DateForm = "iso-blank"    // 2026-06-06 12:00:00
	Brazilian   DateForm = "br"           // 06/06/2026 12:00:00
	Invariant   DateForm = "invariant"    // 06/06/2026 12:00:00, month first
	American    DateForm = "us"           // 6/6/2026 12:00:00 PM
	AmericanNNB DateForm = "us-nnbsp"     // U+202F before PM
	AmericanGlu DateForm = "us-glued"     // nothing before PM
	RFC1123     DateForm = "rfc1123"      // Sat, 06 Jun 2026 12:00:00 GMT
	DotNet      DateForm = "dotnet"       // /Date(ms)/
	DotNetZone  DateForm = "dotnet-zone"  // /Date(ms-0300)/
	Seconds     DateForm = "unix"         // a number
	Millis      DateForm = "unix-ms"      // a number
	SecondsText DateForm = "unix-text"    // a number in quotes
	MillisText  DateForm = "unix-ms-text"
	YearOne     DateForm = "year-one" // 0001-01-01T00:00:00
	NoDate      DateForm = "empty"    // ""
	NullDate    DateForm = "null"
	Nonsense    DateForm = "nonsense"
)

// DateForms lists them all.
var DateForms = [...]DateForm{
	ISO, ISOFraction, ISOBlank, Brazilian, Invariant, American, AmericanNNB, AmericanGlu, RFC1123, DotNet, DotNetZone,
	Seconds, Millis, SecondsText, MillisText, YearOne, NoDate, NullDate, Nonsense,
}

// DateZone is the zone in which dates are written.
type DateZone string

// The zones. The zero value says that it is UTC.
const (
	SaysUTC     DateZone = ""         // …Z
	SaysOffset  DateZone = "offset"   // …-03:00
	HidesUTC    DateZone = "utc"      // UTC, without saying so
	HidesOffset DateZone = "brasilia" // Brasília, without saying so
)

// DateZones lists them all.
var DateZones = [...]DateZone{SaysUTC, SaysOffset, HidesUTC, HidesOffset}

func (s Settings) refreshDates() DateForm {
	if s.RefreshDates == "" {
		return s.Dates
	}
	return s.RefreshDates
}

// date formats a time.
func (x *exchange) date(t time.Time, form DateForm) any {
	if name, ok := strings.CutPrefix(x.fault, "date-"); ok {
		form = DateForm(name)
	}
	t = t.UTC()
	suffix := ""
	switch x.set.Zone {
	case SaysUTC:
		suffix = "Z"
	case SaysOffset:
		t, suffix = t.Add(-3*time.Hour), "-03:00"
	case HidesOffset:
		t = t.Add(-3 * time.Hour)
	case HidesUTC:
	}
	instant := t // the local time, for forms without a zone
	if x.set.Zone == SaysOffset || x.set.Zone == HidesOffset {
		instant = t.Add(3 * time.Hour)
	}
	switch form {
	case ISO:
		return t.Format("2006-01-02T15:04:05") + suffix
	case ISOFraction:
		return t.Format("2006-01-02T15:04:05.0000000") + suffix
	case ISOBlank:
		return t.Format("2006-01-02 15:04:05") + suffix
	case Brazilian:
		return t.Format("02/01/2006 15:04:05")
	case Invariant:
		return t.Format("01/02/2006 15:04:05")
	case American:
		return t.Format("1/2/2006 3:04:05 PM")
	case AmericanNNB:
		return t.Format("1/2/2006 3:04:05\u202fPM")
	case AmericanGlu:
		return t.Format("1/2/2006 3:04:05PM")
	case RFC1123:
		return instant.Format("Mon, 02 Jan 2006 15:04:05 GMT")
	case DotNet:
		return fmt.Sprintf("/Date(%d)/", instant.UnixMilli())
	case DotNetZone:
		return fmt.Sprintf("/Date(%d-0300)/", instant.UnixMilli())
	case Seconds:
		return instant.Unix()
	case Millis:
		return instant.UnixMilli()
	case SecondsText:
		return strconv.FormatInt(instant.Unix(), 10)
	case MillisText:
		return strconv.FormatInt(instant.UnixMilli(), 10)
	case YearOne:
		return "0001-01-01T00:00:00"
	case NullDate:
		return nil
	case NoDate:
		return ""
	case Nonsense:
	}
	return "em breve"
}
