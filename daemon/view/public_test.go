package view

import (
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

func TestPublicTextHidesTheConfiguration(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"the client secret was refused", "the client secret was refused"},
		{"connect to vault.example.com:443: connection refused", "connect to …: connection refused"},
		{"connect to vault: unknown host (is the host in the url right?)", "connect to …: unknown host (is the host in the url right?)"},
		{"connect to 10.1.2.3:8443: no route to the host (is the network up?)", "connect to …: no route to the host (is the network up?)"},
		{"connect to [fe80::1]:443: no connection in time", "connect to …: no connection in time"},
		{"open /etc/vigente/secret: permission denied", "open …: permission denied"},
		{"it is refused; providers.vault.client_secret is in /etc/vigente/secret", "it is refused"},
		{"it is refused; providers.vault.client_secret is in config.toml:12", "it is refused"},
		{`the section "TSS OFFLINE" is not there`, "the section … is not there"},
		{"the url https://host/path?x=1 is wrong", "the url … is wrong"},
		{`C:\\secrets\\file is not there`, "… is not there"},
		{"the answer (404 Not Found) is an HTML page", "the answer (404 Not Found) is an HTML page"},
		{"no answer within 30.5 s", "no answer within 30.5 s"},
		{"the proxy corp-proxy refused the connection", "the proxy … refused the connection"},
	} {
		if got := PublicText(tt.text); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestPublicViewLeavesTheSharedOne(t *testing.T) {
	v := engine.View{
		Credentials: []engine.CredentialView{{Name: "c", LastError: &schedule.Note{Message: "open /a"}}},
		Sinks:       []engine.SinkView{{Name: "s", Path: "/b", LastError: &schedule.Note{Message: "open /c"}, HookError: &schedule.Note{Message: "run /d"}}},
		StateError:  "write /e",
	}
	p := Public(v)
	if p.Sinks[0].Path != "" || strings.Contains(p.Credentials[0].LastError.Message+p.Sinks[0].LastError.Message+p.Sinks[0].HookError.Message+p.StateError, "/") {
		t.Errorf("%+v", p)
	}
	if v.Sinks[0].Path != "/b" || v.Credentials[0].LastError.Message != "open /a" {
		t.Error("the shared view was changed")
	}
}
