package view

import (
	"fmt"

	"github.com/vigented/vigente/daemon/engine"
)

// ServiceLine returns the line that systemctl status shows.
func ServiceLine(s engine.Summary, c Config, configPath string) string {
	n := s.Totals.Credentials
	line := fmt.Sprintf("%d valid, %d failing, %d parked",
		n[engine.Valid]+n[engine.Handover], n[engine.Failing]+n[engine.Overdue]+n[engine.Expired], n[engine.Parked])
	if n[engine.Pending] > 0 {
		line += fmt.Sprintf(", %d pending", n[engine.Pending])
	}
	all := 0
	for _, one := range n {
		all += one
	}
	if all == 0 {
		line = "no credential is configured yet in " + configPath
	}
	if s.StateError != "" {
		line += ", state not saved"
	}
	if c.LastError != "" {
		line += "; the configuration on disk has errors, see vigente status"
	}
	if c.Listener != "" {
		line += "; the HTTP listener is not available, see vigente status"
	}
	return line
}
