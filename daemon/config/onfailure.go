package config

import (
	"time"

	"github.com/vigented/vigente/internal/section"
)

// OnFailure is a command to run when a credential has not been in order for a
// while.
type OnFailure struct {
	Command        []string
	After, Timeout time.Duration
}

const (
	defaultFailureAfter   = 5 * time.Minute
	defaultFailureTimeout = 30 * time.Second
)

// ReadOnFailure reads the table on_failure; it returns nil if the table is
// absent.
func ReadOnFailure(s *section.Section) *OnFailure {
	t := s.Table("on_failure")
	if t == nil {
		return nil
	}
	return &OnFailure{
		Command: t.Command("command"), After: t.Duration("after", defaultFailureAfter),
		Timeout: t.Duration("timeout", defaultFailureTimeout),
	}
}
