package schedule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/vigented/vigente/internal/duration"
)

// Cron is a cron expression in a time zone.
type Cron struct {
	expr string
	next cron.Schedule
}

// ParseCron reads five fields (minute, hour, day of month, month, day of
// week), optionally preceded by seconds, or a descriptor such as @daily or
// "@every 6h". Zone names the IANA time zone in which the fields are read.
//
// It guards against quirks of the robfig/cron parser, which panics on an
// expression that is only a time-zone prefix, accepts days that never come,
// silently rounds "@every 10ms" up to a second, and defaults to the host's zone.
func ParseCron(expr, zone string) (c *Cron, err error) {
	expr = strings.TrimSpace(expr)
	defer func() {
		if recover() != nil {
			c, err = nil, cronError(expr, errors.New("not understood"))
		}
	}()
	location, err := LoadLocation(zone)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(expr, "TZ=") || strings.HasPrefix(expr, "CRON_TZ=") {
		return nil, cronError(expr, errors.New("the zone is set by the key timezone"))
	}
	if every, ok := strings.CutPrefix(expr, "@every "); ok {
		d, err := duration.Parse(every)
		if err != nil || d < time.Second || d%time.Second != 0 {
			return nil, cronError(expr, errors.New("@every needs whole seconds, at least one"))
		}
		return &Cron{expr, cron.Every(d)}, nil
	}
	parser := cron.NewParser(cron.SecondOptional | cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)
	parsed, err := parser.Parse(sundayAsZero(expr))
	if err != nil {
		return nil, cronError(expr, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return nil, cronError(expr, errors.New("not understood"))
	}
	spec.Location = location
	c = &Cron{expr, spec}
	// With a fixed base the result does not depend on the current day. The parser
	// looks five years ahead, which from this base includes a leap day.
	if c.Next(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return nil, cronError(expr, errors.New("that instant never comes"))
	}
	return c, nil
}

// sundayAsZero rewrites the day of the week for the parser, which rejects 7. In
// crontab(5) both 0 and 7 are Sunday, and a range may end at 7.
func sundayAsZero(expr string) string {
	fields := strings.Fields(expr)
	if n := len(fields); n != 5 && n != 6 {
		return expr
	}
	last := &fields[len(fields)-1]
	var parts []string
	for part := range strings.SplitSeq(*last, ",") {
		parts = append(parts, withoutSeven(part))
	}
	*last = strings.Join(parts, ",")
	return strings.Join(fields, " ")
}

// withoutSeven rewrites one element of a list of weekdays: a range that ends at 7
// becomes a list of days. Malformed text is returned as is, for the parser to
// reject.
func withoutSeven(part string) string {
	span, stepText, stepped := strings.Cut(part, "/")
	step := 1
	if stepped {
		n, err := strconv.Atoi(stepText)
		if err != nil || n < 1 {
			return part
		}
		step = n
	}
	if span == "7" && !stepped {
		return "0"
	}
	from, to, ranged := strings.Cut(span, "-")
	first, ok := weekday(from)
	if !ranged || !ok || to != "7" && !strings.EqualFold(to, "sun") {
		return part
	}
	var days []string
	for day := first; day <= 7; day += step {
		days = append(days, strconv.Itoa(day%7))
	}
	return strings.Join(days, ",")
}

// weekday parses a number from 0 to 7 or the first three letters of a day.
func weekday(text string) (day int, ok bool) {
	if i := slices.Index([]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}, strings.ToLower(text)); i >= 0 {
		return i, true
	}
	n, err := strconv.Atoi(text)
	return n, err == nil && n >= 0 && n <= 7
}

// LoadLocation returns the IANA time zone with the given name. It refuses the
// host's zone ("Local" and the empty name), with which one configuration would
// mean different instants on different machines.
func LoadLocation(zone string) (*time.Location, error) {
	if zone == "" || zone == "Local" {
		return nil, fmt.Errorf(`%q is not a valid time zone (expected an IANA name, e.g. "America/Sao_Paulo")`, zone)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf(`%q is not a valid time zone (expected an IANA name, e.g. "America/Sao_Paulo")`, zone)
	}
	return location, nil
}

func cronError(expr string, cause error) error {
	// The parser quotes the error of the conversion, which says nothing to a person.
	if text, found := strings.CutPrefix(cause.Error(), "failed to parse int from "); found {
		text, _, _ = strings.Cut(text, ": strconv")
		cause = fmt.Errorf("%s is neither a number nor a name that belongs there", text)
	}
	return fmt.Errorf(`%q is not a valid schedule: %w (expected e.g. "0 3 * * *" or "@every 6h")`, expr, cause)
}

// Next returns the first instant after t, or the zero time if it never comes.
func (c *Cron) Next(t time.Time) time.Time { return c.next.Next(t) }

// String returns the expression.
func (c *Cron) String() string { return c.expr }

// Equal reports whether both have the same expression and the same zone.
func (c *Cron) Equal(o *Cron) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.expr == o.expr && c.zone() == o.zone()
}

// Key returns a text that is equal exactly for equal schedules.
func (c *Cron) Key() string {
	if c == nil {
		return ""
	}
	return c.expr + " in " + c.zone()
}

func (c *Cron) zone() string {
	if s, ok := c.next.(*cron.SpecSchedule); ok {
		return s.Location.String()
	}
	return ""
}
