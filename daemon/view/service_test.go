package view

import (
	"testing"

	"github.com/vigented/vigente/daemon/engine"
)

func TestServiceLine(t *testing.T) {
	states := func(states ...engine.State) engine.View {
		var v engine.View
		for _, s := range states {
			v.Credentials = append(v.Credentials, engine.CredentialView{State: s})
		}
		return v
	}
	unsaved := states(engine.Valid)
	unsaved.StateError = "no space left on device"
	broken := Config{LastError: "x"}
	for _, c := range []struct {
		view   engine.View
		config Config
		want   string
	}{
		{states(), Config{}, "no credential is configured yet in /etc/vigente/config.toml"},
		{states(), broken, "no credential is configured yet in /etc/vigente/config.toml; the configuration on disk has errors, see vigente status"},
		{states(engine.Valid, engine.Valid, engine.Failing, engine.Expired, engine.Parked), Config{}, "2 valid, 2 failing, 1 parked"},
		{unsaved, broken, "1 valid, 0 failing, 0 parked, state not saved; the configuration on disk has errors, see vigente status"},
		{states(engine.Pending), Config{}, "0 valid, 0 failing, 0 parked, 1 pending"},
		{states(engine.Valid), broken, "1 valid, 0 failing, 0 parked; the configuration on disk has errors, see vigente status"},
		{states(engine.Overdue, engine.Handover), Config{Listener: "x"}, "1 valid, 1 failing, 0 parked; the HTTP listener is not available, see vigente status"},
	} {
		if got := ServiceLine(engine.Summarize(c.view), c.config, "/etc/vigente/config.toml"); got != c.want {
			t.Errorf("ServiceLine returned %q, want %q", got, c.want)
		}
	}
}
