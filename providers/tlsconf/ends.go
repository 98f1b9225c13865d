package tlsconf

import (
	"strconv"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// Kinds of a limit.
const (
	KindCertificate = "certificate" // ours
	KindAuthority   = "authority"   // of a ca_file
)

// warnAhead is how long before its end a file is warned of.
const warnAhead = 30 * 24 * time.Hour

// ends reports a file that has ended, warns of one that soon will, and returns
// its end as a limit; none for the zero instant.
func ends(s *section.Section, key, kind string, end time.Time, env providers.Env) []credential.Limit {
	if end.IsZero() {
		return nil
	}
	switch left := time.Until(end); {
	case left <= 0:
		s.Faultf(key, "ended at %s (put the renewed one in its place)", end.UTC().Format(time.RFC3339))
	case left <= warnAhead:
		env.Warn(s.Path() + "." + key + ": the " + kind + " ends at " + end.UTC().Format(time.RFC3339) + ", in " +
			strconv.Itoa(int(left/(24*time.Hour))) + " days (put the renewed one in its place before)")
	}
	return []credential.Limit{{Kind: kind, EndsAt: end.UTC(), Person: true}}
}
