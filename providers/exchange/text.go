package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
)

// HeaderText reports whether a header can carry the text unchanged: no spaces,
// no control characters, only ASCII. Anything else would break the header or
// inject another one.
func HeaderText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// PlainText reports whether the text contains no control characters, including
// those beyond ASCII (C1, U+0085). Spaces and other letters are fine.
func PlainText(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

// OneLine refuses a secret with control characters. Usually its file has two
// lines, and the server would only say that the secret is wrong, which some
// servers count against the account.
func OneLine(s *section.Section, key string, v credential.Secret) credential.Secret {
	if !PlainText(v.Reveal()) {
		s.Faultf(key, "contains a line break or another control character (expected the bare value on one line)")
	}
	return v
}

// Identity identifies an object at a backend by a digest of its parts, so that
// an ID that may be a secret is not exposed. No part contains a zero byte.
// Records are stored under the result, so the hashed bytes must never change.
func Identity(prefix string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return prefix + hex.EncodeToString(sum[:])
}
