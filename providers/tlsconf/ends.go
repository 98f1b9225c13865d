package tlsconf

import (
	"strconv"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// Kinds of limits.
const (
	KindCertificate = "certificate" // ours
	KindAuthority   = "authority"   // of a ca_file
)

// warnAhead is how long before the expiry of a file to warn.
const warnAhead = 30 * 24 * time.Hour

// ends reports an expired file as a fault, warns if it expires soon, and
// returns its expiry as a limit; none if end is zero.
func ends(s *section.Section, key, kind string, end time.Time, env providers.Env) []credential.Limit {
	if end.IsZero() {
		return nil
	}
	switch left := time.Until(end); {
	case left <= 0:
		s.Faultf(key, "expired at %s (replace it with the renewed one)", end.UTC().Format(time.RFC3339))
	case left <= warnAhead:
		env.Warn(s.Path() + "." + key + ": the " + kind + " expires at " + end.UTC().Format(time.RFC3339) + ", in " +
			strconv.Itoa(int(left/(24*time.Hour))) + " days (replace it with the renewed one before then)")
	}
	return []credential.Limit{{Kind: kind, EndsAt: end.UTC(), Person: true}}
}
