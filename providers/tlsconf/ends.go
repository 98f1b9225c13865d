package tlsconf

import (
	"crypto/x509"
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

// span is when a file of certificates is valid; zero if that is not known.
type span struct{ begin, end time.Time }

func spanOf(c *x509.Certificate) span { return span{c.NotBefore, c.NotAfter} }

// ends reports an expired file as a fault, warns if it expires soon or is not valid
// yet, and returns its expiry as a limit; none if the end is zero.
func ends(s *section.Section, key, kind string, valid span, env providers.Env) []credential.Limit {
	if valid.end.IsZero() {
		return nil
	}
	if time.Until(valid.end) <= 0 {
		s.Faultf(key, "expired at %s (replace it with the renewed one)", valid.end.UTC().Format(time.RFC3339))
		return limit(kind, valid)
	}
	return signerEnds(s, key, kind, valid, env)
}

// signerEnds is ends for the certificate beside a key that only signs. Some servers
// know the key by itself, so that it may be good for longer than its certificate.
func signerEnds(s *section.Section, key, kind string, valid span, env providers.Env) []credential.Limit {
	what := s.Path() + "." + key + ": the " + kind
	switch left := time.Until(valid.end); {
	case left <= 0:
		env.Warn(what + " expired at " + valid.end.UTC().Format(time.RFC3339) + " (replace it with the renewed one, unless the server knows the key without it)")
	case time.Until(valid.begin) > 0:
		env.Warn(what + " is not valid before " + valid.begin.UTC().Format(time.RFC3339) + " (use the present one until then, or check the clock of this machine)")
	case left <= warnAhead:
		env.Warn(what + " expires at " + valid.end.UTC().Format(time.RFC3339) + ", in " +
			strconv.Itoa(int(left/(24*time.Hour))) + " days (replace it with the renewed one before then)")
	}
	return limit(kind, valid)
}

func limit(kind string, valid span) []credential.Limit {
	return []credential.Limit{{Kind: kind, EndsAt: valid.end.UTC(), Person: true}}
}
