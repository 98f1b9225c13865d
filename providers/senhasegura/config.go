package senhasegura

import (
	"errors"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/exchange"
)

// Values of the key auth.
const (
	authOAuth2 = "oauth2"
	authOAuth1 = "oauth1"
)

// Keys of the two ways to authenticate, for a hint if they are mixed up.
var (
	oauth1Keys = []string{"consumer_key", "consumer_secret", "token_key", "token_secret", "probe_path", "signing_base_url"}
	oauth2Keys = []string{"client_id", "client_secret", "token_path", "auth_style", "basic_encoding"}
)

// The keys among them that the vault compares, for the advice after a refusal.
var (
	oauth1Secrets = oauth1Keys[:4]
	oauth2Secrets = oauth2Keys[:2]
)

// readAuth reads the key auth and rejects the keys of the other way.
func readAuth(s *section.Section) string {
	before := len(s.Faults())
	auth := s.Choice("auth", authOAuth2, authOAuth2, authOAuth1)
	if len(s.Faults()) > before {
		// If auth itself is wrong, the other keys show which way was meant.
		if s.Has("consumer_key") || s.Has("token_key") {
			return authOAuth1
		}
		return authOAuth2
	}
	others, other := oauth1Keys, authOAuth1
	if auth == authOAuth1 {
		others, other = oauth2Keys, authOAuth2
	}
	for _, key := range others {
		if s.Has(key) {
			s.Faultf(key, "is a key of %s (expected keys of auth = %q; an application has one of the two)", other, auth)
		}
	}
	return auth
}

// readBase reads the url.
func readBase(s *section.Section) *url.URL {
	base := exchange.HTTPSURL(s, "url", exchange.URLOptions{})
	if base != nil && strings.HasSuffix(strings.TrimRight(base.Path, "/"), "/oauth2/token") {
		s.Faultf("url", "ends in the token path (expected the base only, such as https://vault.example; the rest is token_path)")
		return nil
	}
	return base
}

// readPath reads a path below the base. It must be plain: only the server knows
// where an encoded or dotted path leads.
func readPath(s *section.Section, key, fallback string) string {
	return section.Value(s, key, fallback, "a path such as \""+fallback+"\"", func(text string) (string, error) {
		if !strings.HasPrefix(text, "/") || path.Clean(text) != text || text == "/" {
			return "", errors.New("is not a plain path (expected it to begin with /, without // or .., such as \"" + fallback + "\")")
		}
		if strings.ContainsFunc(text, func(r rune) bool { return !isPathRune(r) }) {
			return "", errors.New("holds a character beyond letters, digits and . _ ~ - / (expected a path without query, such as \"" + fallback + "\")")
		}
		return text, nil
	})
}

func isPathRune(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("._~-/", r)
}

// join appends a path to that of the base.
func join(base *url.URL, path string) string {
	return strings.TrimRight(base.String(), "/") + path
}

// readKey reads a key that may be text or a reference.
func readKey(s *section.Section, key string) credential.Secret {
	before := len(s.Faults())
	v := s.TextOrSecret(key)
	switch {
	case !v.IsZero() || len(s.Faults()) > before: // present, or already reported
	case s.Has(key):
		s.Faultf(key, "is empty (expected the value that the authorization shows)")
	default:
		s.Faultf(key, "is missing (expected the value that the authorization shows, or a reference to it)")
	}
	return exchange.OneLine(s, key, v)
}

// readSecret reads a required secret.
func readSecret(s *section.Section, key string) credential.Secret {
	return exchange.OneLine(s, key, s.RequiredSecret(key))
}

// readReferer reads the referer, which is sent unchanged in a header.
func readReferer(s *section.Section) string {
	return section.Value(s, "referer", "", "a URL in quotes", func(text string) (string, error) {
		if !exchange.HeaderText(text) {
			return "", errors.New("holds a blank or a character beyond ASCII (expected a URL as the authorization lists it)")
		}
		return text, nil
	})
}

// readLimits reads the expiry of the authorization, which no API states.
func readLimits(s *section.Section, zone *time.Location) []credential.Limit {
	end := section.Value(s, "authorization_expires_at", time.Time{}, `a date in quotes such as "2027-01-31 18:00"`,
		func(text string) (time.Time, error) { return parseEnd(text, zone) })
	if end.IsZero() {
		return nil
	}
	return []credential.Limit{{Kind: "authorization", EndsAt: end.UTC(), Person: true}}
}

// parseEnd parses a time, or a local date with or without a time of day. A bare
// date means the start of that day, so the warning is never late.
func parseEnd(text string, zone *time.Location) (time.Time, error) {
	if zone == nil {
		zone = time.UTC
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New(`is no date (expected e.g. "2027-01-31", "2027-01-31 18:00" or "2027-01-31T18:00:00-03:00")`)
}

// readScope reads the scope of a credential, words as in RFC 6749, 3.3. It is
// sent as written.
func readScope(s *section.Section) string {
	return section.Value(s, "scope", "", "a string in quotes", func(text string) (string, error) {
		// Not strings.Fields, which takes a no-break space for a blank.
		words := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) })
		for _, word := range words {
			if strings.ContainsFunc(word, func(r rune) bool { return r < '!' || r > '~' || r == '"' || r == '\\' }) {
				return "", errors.New("holds a character that no scope can have (expected words of printable ASCII, separated by blanks)")
			}
		}
		return strings.Join(words, " "), nil
	})
}

// scopeIdentity returns the scope in canonical order, to identify a credential.
func scopeIdentity(scope string) string {
	words := strings.Fields(scope)
	slices.Sort(words)
	return strings.Join(slices.Compact(words), " ")
}
