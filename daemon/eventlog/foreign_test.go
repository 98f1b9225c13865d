package eventlog

import (
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// TestForeignValuesAreSaidOnce: one warning, and one line when the value is
// gone.
func TestForeignValuesAreSaidOnce(t *testing.T) {
	core, lines := observer.New(zap.InfoLevel)
	r := New(zap.New(core))
	r.ObserveForeign(time.Unix(0, 0), "till", "somebody else's")
	r.ObserveForeign(time.Unix(0, 0), "till", "")
	all := lines.All()
	if len(all) != 2 || all[0].Level != zap.WarnLevel || all[1].Level != zap.InfoLevel {
		t.Fatalf("got lines %v", all)
	}
	if got := all[0].ContextMap(); got["sink"] != "till" || got["detail"] != "somebody else's" || got["reason"] != "internal" {
		t.Errorf("got fields %v", got)
	}
}
