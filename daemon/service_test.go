package daemon

import (
	"testing"

	"github.com/vigented/vigente/daemon/engine"
)

func TestStatusOf(t *testing.T) {
	view := func(states ...engine.State) engine.View {
		var v engine.View
		for _, s := range states {
			v.Credentials = append(v.Credentials, engine.CredentialView{State: s})
		}
		return v
	}
	unsaved := view(engine.Valid)
	unsaved.StateError = "no space left on device"
	for _, c := range []struct {
		view    engine.View
		refused bool
		want    string
	}{
		{view(), false, "no credential is configured yet in /etc/vigente/config.toml"},
		{view(), true, "no credential is configured yet in /etc/vigente/config.toml; the configuration on disk has errors, see vigente status"},
		{view(engine.Valid, engine.Valid, engine.Failing, engine.Expired, engine.Parked), false, "2 valid, 2 failing, 1 parked"},
		{unsaved, true, "1 valid, 0 failing, 0 parked, state not saved; the configuration on disk has errors, see vigente status"},
		{view(engine.Pending), false, "0 valid, 0 failing, 0 parked, 1 pending"},
		{view(engine.Valid), true, "1 valid, 0 failing, 0 parked; the configuration on disk has errors, see vigente status"},
	} {
		if got := statusOf(c.view, "/etc/vigente/config.toml", c.refused); got != c.want {
			t.Errorf("statusOf says %q, expected %q", got, c.want)
		}
	}
}
