package config

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/section"
)

// The policy keys.
const (
	keyRenewBefore = "renew_before"
	keyMaxAge      = "max_age"
	keySchedule    = "schedule"
	keyTimezone    = "timezone"
	keyJitter      = "jitter"
	keyMinInterval = "min_interval"
	keyTimeout     = "timeout"
)

// shortestInterval is the smallest minimum interval that can be configured.
const shortestInterval = 100 * time.Millisecond

// pace is the policy as far as it is known at one level: [renewal], a provider,
// a credential. Each level starts from the one above.
type pace struct {
	policy   schedule.Policy
	zone     string
	cronText string
}

// defaultPace is the policy without any configuration.
func defaultPace() pace {
	return pace{
		policy: schedule.Policy{
			RenewBefore: schedule.Margin{Share: 0.25},
			MaxAge:      24 * time.Hour,
			Jitter:      schedule.Margin{Share: 0.05},
			MinInterval: 30 * time.Second,
			Timeout:     30 * time.Second,
		},
		zone: "America/Sao_Paulo",
	}
}

// written returns a text that identifies all of it.
func (p pace) written() string {
	policy := p.policy
	policy.Schedule = nil // its text follows
	return fmt.Sprintf("%+v %q %q", policy, p.zone, p.cronText)
}

// level says what a table applies to.
type level int

const (
	general      level = iota // everything: [renewal]
	ofProvider                // the credentials of one backend
	ofCredential              // one credential, or each row of a fleet
)

// read returns the policy with the keys that a table sets. Faults are recorded
// in the table as the daemon's.
func (p pace) read(table *section.Section, at level) pace {
	s := table.Daemon()
	switch at {
	case general:
	case ofProvider:
		p.own(s, s.Path())
	case ofCredential:
		p.own(s, schedule.OwnTable)
	}
	p.policy.RenewBefore = section.Value(s, keyRenewBefore, p.policy.RenewBefore, `a share or a duration in quotes, such as "25%" or "30m"`, schedule.ParseMargin)
	p.policy.Jitter = section.Value(s, keyJitter, p.policy.Jitter, `a share or a duration in quotes, such as "5%" or "2m"`, schedule.ParseMargin)
	p.policy.MaxAge = s.Duration(keyMaxAge, p.policy.MaxAge)
	p.policy.MinInterval = s.Duration(keyMinInterval, p.policy.MinInterval)
	p.policy.Timeout = s.Duration(keyTimeout, p.policy.Timeout)
	p.check(s)
	p.readSchedule(s)
	return p
}

// own records which keys are set for one backend or credential, and in which table.
func (p *pace) own(s *section.Section, table string) {
	p.policy.OwnRenewBefore = p.policy.OwnRenewBefore || s.Has(keyRenewBefore)
	keys := maps.Clone(p.policy.Keys)
	for _, key := range []string{keyRenewBefore, keyMaxAge, keySchedule, keyTimezone, keyJitter, keyMinInterval, keyTimeout} {
		if !s.Has(key) {
			continue
		}
		if keys == nil {
			keys = map[string]string{}
		}
		keys[key] = table
	}
	p.policy.Keys = keys
}

// check reports values of a table that contradict each other; inherited ones
// have been reported above.
func (p pace) check(s *section.Section) {
	switch {
	case s.Has(keyMinInterval) && p.policy.MinInterval < shortestInterval:
		s.Faultf(keyMinInterval, "%s is too short (expected at least %s)", p.policy.MinInterval, shortestInterval)
	case p.policy.MaxAge > p.policy.MinInterval:
	case s.Has(keyMaxAge):
		s.Faultf(keyMaxAge, "%s is not longer than min_interval, %s (expected more, otherwise the values lapse before they may be renewed)", p.policy.MaxAge, p.policy.MinInterval)
	case s.Has(keyMinInterval):
		s.Faultf(keyMinInterval, "%s is not shorter than max_age, %s (expected less, otherwise the values lapse before they may be renewed)", p.policy.MinInterval, p.policy.MaxAge)
	}
}

// readSchedule reads the cron expression and its time zone.
func (p *pace) readSchedule(s *section.Section) {
	p.zone = section.Value(s, keyTimezone, p.zone, `a time zone in quotes, such as "America/Sao_Paulo"`, func(zone string) (string, error) {
		_, err := schedule.LoadLocation(zone)
		return zone, err
	})
	text := section.Value(s, keySchedule, p.cronText, `a cron expression in quotes, such as "0 3 * * *"`, func(text string) (string, error) {
		return strings.TrimSpace(text), nil
	})
	if !s.Has(keySchedule) && (p.cronText == "" || !s.Has(keyTimezone)) {
		return
	}
	p.cronText, p.policy.Schedule = text, nil
	if text == "" {
		return
	}
	cron, err := schedule.ParseCron(text, p.zone)
	if err != nil {
		s.Faultf(keySchedule, "%v", err)
		p.cronText = ""
		return
	}
	p.policy.Schedule = cron
}
