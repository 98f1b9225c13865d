package e2etest

import (
	"testing"
)

// Renewals waits until another sink has got that many further tokens.
func (w *World) Renewals(t *testing.T, n int) {
	t.Helper()
	for range n {
		had := w.Read("out/vault.token")
		w.Eventually("another sink gets the next token", func() bool { return w.Read("out/vault.token") != had })
	}
}
