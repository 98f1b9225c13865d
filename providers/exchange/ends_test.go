package exchange_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
)

// TestEndsOfCertificates: an expired certificate is a fault, one that expires
// soon causes a warning, and each expiry is a limit of what depends on it.
func TestEndsOfCertificates(t *testing.T) {
	ending := func(after time.Duration) pair {
		return issue(t, nil, func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = time.Now().Add(-48*time.Hour), time.Now().Add(after)
		})
	}
	long, soon, past := ending(365*24*time.Hour), ending(5*24*time.Hour), ending(-time.Hour)
	ours := func(p pair) string {
		return `tls.certificate = { file = "` + write(t, "c.pem", p.pem(), p.keyPEM(t)) + `" }`
	}
	theirs := func(all ...pair) string {
		var parts [][]byte
		for _, p := range all {
			parts = append(parts, p.pem())
		}
		return `tls.ca_file = "` + write(t, "ca.pem", parts...) + `"`
	}
	for _, c := range []struct {
		name, table string
		limit       *pair
		kind        string
		warns, ends bool
	}{
		{"ours", ours(long), &long, "certificate", false, false},
		{"ours soon", ours(soon), &soon, "certificate", true, false},
		{"ours past", ours(past), &past, "certificate", false, true},
		{"authority", theirs(long), &long, "authority", false, false},
		{"authority soon", theirs(soon), &soon, "authority", true, false},
		{"authority past", theirs(past), &past, "authority", false, true},
		{"authority and its successor", theirs(past, soon, long), &long, "authority", false, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := section.Parse("providers.x", c.table)
			if err != nil {
				t.Fatal(err)
			}
			var warnings []string
			conn := exchange.ReadConnection(s, "", providers.Env{Warn: func(m string) { warnings = append(warnings, m) }})
			want := credential.Limit{Kind: c.kind, EndsAt: c.limit.cert.NotAfter.UTC(), Person: true}
			if len(conn.Limits) != 1 || conn.Limits[0] != want {
				t.Errorf("got limits %+v, want %+v", conn.Limits, want)
			}
			if warned := len(warnings) == 1 && strings.Contains(warnings[0], c.kind+" expires at"); warned != c.warns {
				t.Errorf("got warnings %q, want one: %v", warnings, c.warns)
			}
			faults := s.Finish()
			if ended := len(faults) == 1 && faults[0].Missing() && strings.Contains(faults[0].Message, "expired at"); ended != c.ends {
				t.Errorf("got faults %v, want one about an expired certificate: %v", faults, c.ends)
			}
		})
	}
}
