package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"unicode"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
)

// HeaderText reports whether a header can carry the text as it is: no blank, no
// control character, none beyond ASCII. Anything else would break the header it
// is put into, or write another one.
func HeaderText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// PlainText reports whether the text holds no control character, those beyond
// ASCII (C1, U+0085) included. Blanks and letters beyond ASCII are fine.
func PlainText(text string) bool { return !strings.ContainsFunc(text, unicode.IsControl) }

// OneLine refuses a secret with control characters: a file with two lines is
// the usual slip, and the server would only say that the secret is wrong, which
// some of them count against the account.
func OneLine(s *section.Section, key string, v credential.Secret) credential.Secret {
	if !PlainText(v.Reveal()) {
		s.Faultf(key, "holds a line break or another control character (expected the bare value on one line)")
	}
	return v
}

// Identity names a thing at a backend by a digest of what makes it up, so that
// an id that may be kept as a secret is not shown. No part holds a zero byte.
// Records are stored under it: the bytes that are hashed must stay the same.
func Identity(prefix string, parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return prefix + hex.EncodeToString(sum[:])
}
