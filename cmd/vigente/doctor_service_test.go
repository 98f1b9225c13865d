package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/doctor"
)

// TestDoctorUnit takes the unit as it is shipped, with a drop-in.
func TestDoctorUnit(t *testing.T) {
	shipped, err := os.ReadFile("../../systemd/vigente.service")
	if err != nil {
		t.Fatal(err)
	}
	text, err := doctorUnit(string(shipped)+"\n[Service]\nExecStart=\nExecStart=-/opt/vigente run \\\n  --config /srv/c.toml\n", "/run/d", "")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"ExecStart": "/opt/vigente doctor --json --config /srv/c.toml", "Type": "oneshot", "Restart": "no",
		"WatchdogSec": "0", "User": "vigente", "ProtectSystem": "strict", "StandardOutput": "file:/run/d/out",
	} {
		if got := lastOf(text, key); got != want {
			t.Errorf("%s=%s, expected %s", key, got, want)
		}
	}
	if !strings.HasPrefix(text, string(shipped)) {
		t.Error("the settings do not come first, so they could undo what the doctor needs")
	}
	text, err = doctorUnit(string(shipped), "/run/d", `/srv/100% "new".toml`)
	if want := `/usr/bin/vigente doctor --json --config "/srv/100%% \"new\".toml"`; err != nil || lastOf(text, "ExecStart") != want {
		t.Errorf("ExecStart=%s, %v", lastOf(text, "ExecStart"), err)
	}
	for _, start := range []string{"", "/bin/sh -c 'vigente run'", "/usr/bin/vigente status"} {
		if _, err := doctorUnit("[Service]\nExecStart="+start+"\n", "/run/d", ""); err == nil {
			t.Errorf("ExecStart=%s is accepted", start)
		}
	}
}

func TestReadFindings(t *testing.T) {
	for _, c := range []struct {
		name, status, out, err string
		found                  int
		code                   int // of the exitError
		says                   string
	}{
		{"findings", "1", `{"format":1,"ok":false,"findings":[{"check":"state","ok":false,"detail":"d","unit":["A=b"]}]}`, "", 1, 0, ""},
		{"a bad configuration", "3", "", "config.toml:1: x: y\nconfig.toml:2: z\n", 0, 3, "config.toml:2"},
		{"words and no status", "0", "", "vigente: strange\n", 0, 1, "strange"},
		{"no sandbox", "226", "", "", 0, 0, "ReadWritePaths="},
		{"nothing", "0", "", "", 0, 0, "job failed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			for name, text := range map[string]string{"out": c.out, "err": c.err} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			findings, err := readFindings(dir, c.status, errors.New("job failed"))
			if len(findings) != c.found || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%d findings, %v", len(findings), err)
			}
			if exit, ok := errors.AsType[*exitError](err); ok != (c.code != 0) || ok && exit.code != c.code {
				t.Errorf("ends with %v", err)
			}
		})
	}
}

func TestAllowBackends(t *testing.T) {
	if narrowNetwork("[Service]\nIPAddressDeny=any\n[Service]\nIPAddressDeny=\n") || !narrowNetwork("IPAddressDeny=any\n") {
		t.Error("IPAddressDeny= is misread")
	}
	findings := []doctor.Finding{
		{Check: "provider a", Detail: "connect to 127.0.0.2:80: no connection in time (is a firewall in the way?)"},
		{Check: "provider b", OK: true, Detail: "connect to 127.0.0.3:80: x"},
		{Check: "provider c", Detail: "connect to 127.0.0.4:80: connection refused (is the server up, and the port right?)"},
		{Check: "sink c", Detail: "write to x: y", Unit: []string{"A=b", "A=b"}},
	}
	allowBackends(t.Context(), findings)
	if got, want := missingLines(findings), []string{"IPAddressAllow=127.0.0.2", "A=b"}; !slices.Equal(got, want) {
		t.Errorf("the unit lacks %q, expected %q", got, want)
	}
}
