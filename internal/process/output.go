package process

import "github.com/vigented/vigente/credential"

// bounded keeps the beginning of what is written to it and takes the rest
// without keeping it, so that the writer is not held up. One goroutine writes;
// the others look after it has ended.
type bounded struct {
	most int
	text []byte
	over func() // called once, when there is more; nil for nothing
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
