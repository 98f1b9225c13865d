package e2etest

import (
	"crypto/rand"
	"encoding/hex"
)

func Random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
