package process

import "github.com/vigented/vigente/credential"

// bounded keeps the beginning of what is written to it and discards the rest,
// so that the writer never blocks. One goroutine writes; others read after it
// has finished.
type bounded struct {
	most int
	text []byte
	over func() // called once, on the first discarded byte; may be nil
	full bool
}

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	room := min(len(p), b.most-len(b.text))
	b.text = append(b.text, p[:room]...)
	if room < len(p) && !b.full {
		b.full = true
		if b.over != nil {
			b.over()
		}
	}
	return len(p), nil
}

func (b *bounded) overflown() bool { return b != nil && b.full }

func (b *bounded) secret() credential.Secret {
	if b == nil {
		return credential.Secret{}
	}
	return credential.NewSecret(string(b.text))
}
