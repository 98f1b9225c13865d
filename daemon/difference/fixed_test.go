package difference

import (
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/config"
)

// A changed key that the daemon reads only when it starts is named, and a secret is
// not shown.
func TestFixed(t *testing.T) {
	running := config.Config{
		Daemon: config.Daemon{StateDir: "/state", ControlSocket: "/socket", StateKey: credential.NewSecret("canary-state-key")},
		Cluster: config.Cluster{
			Endpoints: []string{"https://10.0.0.1:2379"}, Prefix: "/vigente", Node: "a", Alone: "plain",
			Username: "vigente", Password: credential.NewSecret("canary-password"), Key: [32]byte{1}, OldKeys: [][32]byte{{2}},
		},
	}
	for _, c := range []struct {
		change func(*config.Config)
		keys   string
		is     string
	}{
		{func(*config.Config) {}, "", ""},
		{func(c *config.Config) { c.Daemon.StateDir = "/other" }, "daemon.state_dir", "/other"},
		{func(c *config.Config) { c.Daemon.ControlSocket = "/other" }, "daemon.control_socket", "/other"},
		{func(c *config.Config) { c.Daemon.StateKey = credential.NewSecret("canary-2") }, "daemon.state_key", "another key"},
		{func(c *config.Config) { c.Daemon.StateKey = credential.Secret{} }, "daemon.state_key", "none"},
		{func(c *config.Config) { c.Daemon.Listen = ":1"; c.Log.Level = "debug" }, "", ""},
		{func(c *config.Config) { c.Cluster = config.Cluster{} }, "cluster.endpoints", "none"},
		{func(c *config.Config) { c.Cluster.Endpoints = []string{"https://a", "https://b"} }, "cluster.endpoints", "https://a, https://b"},
		{func(c *config.Config) { c.Cluster.Prefix = "/p"; c.Cluster.Node = "b" }, "cluster.prefix cluster.node", "/p b"},
		{func(c *config.Config) { c.Cluster.Alone = "all" }, "cluster.alone", "all"},
		{func(c *config.Config) { c.Cluster.Username = "other" }, "cluster.username", "other"},
		{func(c *config.Config) { c.Cluster.Password = credential.NewSecret("canary-3") }, "cluster.password", "another password"},
		{func(c *config.Config) { c.Cluster.Key = [32]byte{3} }, "cluster.key", "another key"},
		{func(c *config.Config) { c.Cluster.OldKeys = nil }, "cluster.old_keys", "other keys"},
	} {
		changed := running
		changed.Cluster.Endpoints = slices.Clone(running.Cluster.Endpoints)
		c.change(&changed)
		var keys, is, all []string
		for _, f := range Fixed(&running, &changed) {
			keys, is = append(keys, f.Table+"."+f.Key), append(is, f.Is)
			all = append(all, f.Was, f.Is)
		}
		if got := strings.Join(keys, " "); got != c.keys || strings.Join(is, " ") != c.is {
			t.Errorf("got %q with %q, want %q with %q", got, is, c.keys, c.is)
		}
		if text := strings.Join(all, " "); strings.Contains(text, "canary") {
			t.Errorf("%s: got a secret in %q", c.keys, text)
		}
	}
	joining, alone := running, config.Config{Daemon: running.Daemon}
	if got := Fixed(&alone, &joining); len(got) != 1 || got[0].Key != "endpoints" || got[0].Was != "none" {
		t.Errorf("joining: got %v, want endpoints to have changed from none", got)
	}
}
