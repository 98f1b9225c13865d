package demo

import (
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/engine"
)

func TestShopsHaveGoodNumbers(t *testing.T) {
	if got := shopNumber(1_222_333); got != "11222333000181" {
		t.Errorf("got %s, want 11222333000181", got)
	}
	if got := shopTable(3); strings.Count(got, "\n") != 4 || !strings.Contains(got, "s00003,") {
		t.Errorf("got %q, want a header and three rows", got)
	}
}

// TestFleetIsSummed shows what is written out, and of a fleet the sum.
func TestFleetIsSummed(t *testing.T) {
	v := engine.View{
		Credentials: []engine.CredentialView{
			{Name: "vault", State: engine.Valid},
			{Name: "shops/a", State: engine.Valid},
			{Name: "shops/b", State: engine.Pending},
			{Name: "shops/c", State: engine.Valid},
		},
		Sinks: []engine.SinkView{{Name: "shops/a/env"}, {Name: "vault"}},
	}
	written, fleet := apart(v)
	if len(written.Credentials) != 1 || len(written.Sinks) != 1 || fleet != "1 pending, 2 valid" {
		t.Errorf("got %d credentials, %d sinks and %q", len(written.Credentials), len(written.Sinks), fleet)
	}
}
