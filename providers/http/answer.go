package http

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/exchange"
)

// field is one value and its place in the answer.
type field struct {
	name, source string
	at           place
}

// errorRow says what an answer means.
type errorRow struct {
	number int
	status int // 0 for any
	at     place
	checks bool // the value there must equal is
	is     string
	reason credential.Reason
}

// Forms of an expiry, apart from Go layouts.
const (
	formSeconds      = "seconds"
	formMilliseconds = "milliseconds"
	formEpoch        = "epoch"
	formRFC3339      = "rfc3339"
	formJWT          = "jwt"
)

// answers is how an answer is read.
type answers struct {
	fields  []field
	end     place // nil if no expiry is stated
	endAt   string
	endForm string
	zone    *time.Location
	rows    []errorRow
	// lost means that an unreadable success may have used something up.
	lost bool
}

// readAnswers reads the keys about answers.
func readAnswers(s *section.Section, zone *time.Location) answers {
	r := answers{zone: zone, rows: readErrors(s)}
	if r.zone == nil {
		r.zone = time.UTC
	}
	if !s.Has("fields") {
		s.Faultf("fields", `is missing (expected a field and its source, such as { token = "json:/access_token" })`)
	}
	for _, e := range s.TextMap("fields") {
		key := "fields." + e.Key
		if !fieldName(e.Key) {
			s.Faultf(key, "is not the name of a field (expected small letters, digits and _, and none of expires_at, issued_at, generation)")
		}
		r.fields = append(r.fields, field{e.Key, e.Text, parseSource(s, key, e.Text)})
	}
	if s.Has("fields") && len(r.fields) == 0 && !s.Failed() {
		s.Faultf("fields", `is empty (expected a field and its source, such as { token = "json:/access_token" })`)
	}
	if r.endAt = s.Text("expires", ""); r.endAt != "" {
		r.end = parseSource(s, "expires", r.endAt)
	}
	r.endForm = s.Text("expires_form", formSeconds)
	if !knownForm(r.endForm) {
		s.Faultf("expires_form", "is not a form of an end (expected seconds, milliseconds, epoch, rfc3339, jwt, or a layout of Go such as \"2006-01-02 15:04:05\")")
	}
	return r
}

func knownForm(form string) bool {
	switch form {
	case formSeconds, formMilliseconds, formEpoch, formRFC3339, formJWT:
		return true
	}
	// A layout must contain the day, or its time would equal the zero time.
	return strings.Contains(form, "06") && strings.ContainsAny(form, "12J")
}

func fieldName(name string) bool {
	for _, common := range credential.CommonFields {
		if name == common {
			return false
		}
	}
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

// read makes a credential from an answer, or its fault. It is a pure function.
func (r answers) read(a *exchange.Answer, at time.Time) (credential.Credential, *credential.Fault) {
	none := credential.Credential{}
	if f := r.classify(a); f != nil {
		return none, f
	}
	c := credential.Credential{Values: map[string]credential.Secret{}, IssuedAt: at}
	for _, f := range r.fields {
		value, ok := f.at.find(a)
		switch {
		case !ok:
			return none, r.unusable("holds no value for the field " + f.name + " at " + f.source)
		case !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl):
			return none, r.unusable("holds a control character in the field " + f.name + " at " + f.source)
		}
		c.Values[f.name] = credential.NewSecret(value)
	}
	end := r.readEnd(a, at)
	if !end.At.IsZero() && !end.At.After(at) {
		return none, r.unusable("holds a credential that has already expired (see expires and expires_form; is the server's clock right?)")
	}
	c.ExpiresAt, c.CountedExpiry, c.UnreadEnd = end.At, end.Counted, end.Unread
	return c, nil
}

func (r answers) unusable(what string) *credential.Fault {
	f := exchange.BadResponse("the answer " + what)
	f.Lost = r.lost
	return f
}

// classify returns the fault of an answer: from the first row that matches, else
// from the status. No row matches a page, and only a row for 429 matches a 429.
func (r answers) classify(a *exchange.Answer) *credential.Fault {
	page := a.HTML()
	for _, row := range r.rows {
		if !page && row.fits(a) {
			return row.fault(a)
		}
	}
	if page && a.Status < http.StatusInternalServerError && a.Status != http.StatusTooManyRequests && !a.Redirect() {
		return exchange.HTMLFault(a)
	}
	return exchange.StatusFault(a)
}

func (row errorRow) fits(a *exchange.Answer) bool {
	switch {
	case row.status != 0 && row.status != a.Status,
		row.status == 0 && a.Status == http.StatusTooManyRequests:
		return false
	case row.at == nil:
		return true
	}
	text, ok := row.at.find(a)
	return ok && (!row.checks || text == row.is)
}

func (row errorRow) fault(a *exchange.Answer) *credential.Fault {
	f := &credential.Fault{
		Reason:  row.reason,
		Message: "the backend answered " + strconv.Itoa(a.Status) + ", which row " + strconv.Itoa(row.number) + " of errors calls " + string(row.reason),
	}
	f.Lost = a.Status == http.StatusBadGateway || a.Status == http.StatusGatewayTimeout
	return f
}

// readEnd reads the expiry in an answer.
func (r answers) readEnd(a *exchange.Answer, at time.Time) exchange.End {
	if r.end == nil {
		return exchange.End{}
	}
	unread := exchange.End{Unread: exchange.UnreadEnd(r.endAt)}
	text, ok := r.end.find(a)
	if p, is := r.end.(pointers); !ok && is && p.stated(a) {
		return unread
	}
	if !ok {
		return exchange.End{} // absent: no expiry
	}
	quoted := json.RawMessage(quote(text))
	switch r.endForm {
	case formSeconds, formMilliseconds:
		unit := time.Second
		if r.endForm == formMilliseconds {
			unit = time.Millisecond
		}
		life, ok := exchange.ParseLifeIn(unit, quoted)
		if !ok || life <= 0 || exchange.LooksLikeInstant(life, at) {
			return unread
		}
		return exchange.End{At: at.Add(life), Counted: true}
	case formJWT:
		if instant, ok := exchange.JWTExpiry(text); ok {
			return a.OnOurClock(instant, at)
		}
		return unread
	case formEpoch:
		if n, err := strconv.ParseFloat(strings.TrimSpace(text), 64); err == nil {
			if instant, ok := exchange.ParseUnix(n); ok {
				return a.OnOurClock(instant, at)
			}
		}
		return unread
	}
	layout := r.endForm
	if layout == formRFC3339 {
		layout = time.RFC3339
	}
	instant, err := time.ParseInLocation(layout, strings.TrimSpace(text), r.zone)
	if err != nil || instant.Year() < 1990 || instant.Year() > 9998 {
		return unread
	}
	return a.OnOurClock(instant, at)
}
