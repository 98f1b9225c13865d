package credential

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// mask is printed in place of a Secret.
const mask = "[secret]"

// Secret is text that must never be shown. Every formatter and encoder prints a
// mask; only Reveal returns the text. The zero value is empty. A Secret is
// immutable and safe for concurrent use.
type Secret struct{ text *string }

// NewSecret wraps text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text. Call it only where the text is handed to its
// destination: a request, a sink, the store.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal compares in constant time for equal lengths.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(o.Reveal())) == 1
}

// String returns the mask.
func (Secret) String() string { return mask }

// GoString returns the mask.
func (Secret) GoString() string { return mask }

// Format prints the mask for every verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, mask) }

// MarshalText returns the mask, for every encoder that uses text.
func (Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON returns the mask as JSON.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// LogValue returns the mask for structured loggers.
func (Secret) LogValue() slog.Value { return slog.StringValue(mask) }
