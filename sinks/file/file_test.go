package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/file"
	"github.com/vigented/vigente/sinks/sinktest"
)

func TestContract(t *testing.T) {
	for name, s := range map[string]sinktest.Files{
		"bare": {Config: `content = "${c.token}"`, Old: "OLD"},
	} {
		t.Run(name, func(t *testing.T) {
			s.Kind = file.Kind()
			sinktest.RunFiles(t, s)
		})
	}
}

// TestContent: the file contains exactly the text, whatever it contained
// before.
func TestContent(t *testing.T) {
	at := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	set := credential.Set{
		"a": {Generation: 7, IssuedAt: at, ExpiresAt: at.Add(time.Hour), Values: map[string]credential.Secret{"token": credential.NewSecret("A\x00\xff\n")}},
		"b": {Generation: 8, Values: map[string]credential.Secret{"token": credential.NewSecret("B")}},
	}
	for text, want := range map[string]string{
		`"${a.token}"`:                  "A\x00\xff\n",
		`"${a.token} $${b.token} $x\n"`: "A\x00\xff\n ${b.token} $x\n",
		`"${a.token}${b.token}"`:        "A\x00\xff\nB",
		`"""
{"token":"${b.token}","until":"${a.expires_at}","n":${a.generation}}"""`: `{"token":"B","until":"2026-08-01T13:00:00Z","n":7}`,
	} {
		path := filepath.Join(t.TempDir(), "token")
		if err := os.WriteFile(path, []byte(strings.Repeat("longer than it will be", 99)), 0o600); err != nil {
			t.Fatal(err)
		}
		b := sinktest.Open(t, file.Kind(), "path = '"+path+"'\ncontent = "+text)
		if changed, err := b.Sink.Deliver(t.Context(), set); err != nil || !changed {
			t.Errorf("Deliver %s: changed %v, %v", text, changed, err)
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: got %q, %v; want %q", text, got, err, want)
		}
		if f, err := b.Sink.(sinks.Inspector).Inspect(t.Context(), set); err != nil || f.State != sinks.Same {
			t.Errorf("Inspect %s: got %v, %v; want same", text, f.State, err)
		}
	}
}

func TestConfigurationFaults(t *testing.T) {
	for keys, says := range map[string]string{
		"":                   "content: is missing",
		"content = \"\"":     "content: is empty",
		"content = 1":        "content: is an integer",
		"content = \"${a}\"": "content: ${a} is not a valid reference",
		"content = \"${a.\"": "content: the ${ before",
		"content = \"${a.b}\"\nvalues = { A = \"x\" }": "values: unknown key",
	} {
		if faults := sinktest.Faults(t, file.Kind(), "path = \"/x\"\n"+keys); len(faults) != 1 || !strings.Contains(faults[0].Error(), "sinks.it."+says) {
			t.Errorf("%s\ngot faults %v", keys, faults)
		}
	}
}

// TestClaim: the sink claims the whole file.
func TestClaim(t *testing.T) {
	b := sinktest.Open(t, file.Kind(), "path = \"/x\"\ncontent = \"${a.b}${c.d}\"")
	if len(b.Claims) != 1 || b.Claims[0] != (sinks.Claim{Key: "path"}) || len(b.Refs) != 2 || b.Refs[1].Key != "content" {
		t.Errorf("got binding %+v", b)
	}
}
