package e2etest

import (
	"testing"
)

// Renewals waits until another sink has received n more tokens.
func (w *World) Renewals(t *testing.T, n int) {
	t.Helper()
	for range n {
		had := w.Read("out/vault.token")
		w.Eventually("another sink gets the next token", func() bool { return w.Read("out/vault.token") != had })
	}
}
