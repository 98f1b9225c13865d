package e2etest

import (
	"encoding/base64"
	"encoding/pem"
	"net/http"
	"sync"
	"time"
)

// Refuser is a backend that accepts one secret and counts every secret it
// receives.
type Refuser struct {
	// Shown extracts the secret from a request; "" if the request has none.
	Shown func(r *http.Request) string
	Grant http.HandlerFunc
	Deny  http.HandlerFunc

	mu   sync.Mutex
	Good string
	seen map[string][]time.Time
}

// ServeHTTP implements http.Handler.
func (b *Refuser) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	secret := b.Shown(r)
	b.mu.Lock()
	if b.seen == nil {
		b.seen = map[string][]time.Time{}
	}
	b.seen[secret] = append(b.seen[secret], time.Now())
	good := secret == b.Good
	b.mu.Unlock()
	if good {
		b.Grant(w, r)
		return
	}
	b.Deny(w, r)
}

// Times returns when a secret was received.
func (b *Refuser) Times(secret string) []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]time.Time(nil), b.seen[secret]...)
}

// Subject is a credential of one kind whose secret its backend refuses at
// first.
type Subject struct {
	Name    string // of the credential
	File    string // the file that contains the secret
	Backend *Refuser
	// Wrong, Other and Right are the contents of the file, one after the other.
	Wrong, Other, Right string
}

// SecretOf returns the secret the backend sees for a file's content.
func (s *Subject) SecretOf(content string) string {
	if block, _ := pem.Decode([]byte(content)); block != nil {
		return base64.StdEncoding.EncodeToString(block.Bytes)
	}
	return content
}
