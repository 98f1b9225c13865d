package daemon

import (
	"testing"

	"github.com/vigented/vigente/daemon/refresh"
)

func TestStatusOf(t *testing.T) {
	view := func(states ...refresh.State) refresh.View {
		var v refresh.View
		for _, s := range states {
			v.Credentials = append(v.Credentials, refresh.CredentialView{State: s})
		}
		return v
	}
	unsaved := view(refresh.Valid)
	unsaved.StateError = "no space left on device"
	for _, c := range []struct {
		view    refresh.View
		refused bool
		want    string
	}{
		{view(), false, "no credential is configured yet in /etc/vigente/config.toml"},
		{view(), true, "no credential is configured yet in /etc/vigente/config.toml; the configuration on disk has errors, see vigente status"},
		{view(refresh.Valid, refresh.Valid, refresh.Failing, refresh.Expired, refresh.Parked), false, "2 valid, 2 failing, 1 parked"},
		{unsaved, true, "1 valid, 0 failing, 0 parked, state not saved; the configuration on disk has errors, see vigente status"},
		{view(refresh.Pending), false, "0 valid, 0 failing, 0 parked, 1 pending"},
		{view(refresh.Valid), true, "1 valid, 0 failing, 0 parked; the configuration on disk has errors, see vigente status"},
	} {
		if got := statusOf(c.view, "/etc/vigente/config.toml", c.refused); got != c.want {
			t.Errorf("statusOf says %q, expected %q", got, c.want)
		}
	}
}
