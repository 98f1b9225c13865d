package config

import (
	"crypto/x509"
	"encoding/pem"
	"strconv"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
)

// Kinds of the daemon's own certificates, named as those of providers.
const (
	ownCertificate = "certificate"
	authority      = "authority"
)

// warnAhead is how long before the expiry of a file to warn.
const warnAhead = 30 * 24 * time.Hour

// ending is a file of certificates that the daemon itself uses, for its listener
// or toward the engine of the cluster.
type ending struct {
	key, kind, path string
	at              time.Time
}

// note records when the file expires. An expired one is reported without refusing
// the configuration, because neither the listener nor the cluster is needed to
// renew credentials.
func (l *loader) note(s *section.Section, e ending) []credential.Limit {
	if e.at.IsZero() {
		return nil
	}
	at, left := e.at.UTC().Format(time.RFC3339), time.Until(e.at)
	const named = "the %s in %s "
	switch f := s.FaultAt(e.key, named+"expired at %s (replace it with the renewed one)", e.kind, e.path, at); {
	case left <= 0:
		f.Path = e.path
		l.config.Ended = append(l.config.Ended, f)
	case left <= warnAhead:
		l.config.Ending = append(l.config.Ending, s.FaultAt(e.key, named+"expires at %s, in %s days (replace it with the renewed one before then)",
			e.kind, e.path, at, strconv.Itoa(int(left/(24*time.Hour)))))
	}
	return []credential.Limit{{Kind: e.kind, EndsAt: e.at.UTC(), Person: true}}
}

// endOf returns when the certificates of a PEM file expire: the first of them, which
// is ours, or the latest of authorities, any of which may be the one that counts. It
// is zero if there is none.
func endOf(kind string, data []byte) (end time.Time) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		switch {
		case err != nil:
			return time.Time{}
		case kind == ownCertificate:
			return cert.NotAfter
		case cert.NotAfter.After(end):
			end = cert.NotAfter
		}
	}
	return end
}
