package credential

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

// mask is what a Secret shows of itself.
const mask = "[secret]"

// Secret is text that must not be seen. Every formatter and encoder prints a
// mask; Reveal is the only way to the text. The zero value is empty. A Secret
// is immutable and safe for concurrent use.
type Secret struct{ text *string }

// NewSecret wraps text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text. Call it where the text leaves for its one
// destination: a request, a sink, the sealed store.
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

// MarshalText encodes the mask, and with it every encoder that knows text.
func (Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// MarshalJSON encodes the mask.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + mask + `"`), nil }

// LogValue gives structured loggers the mask.
func (Secret) LogValue() slog.Value { return slog.StringValue(mask) }
