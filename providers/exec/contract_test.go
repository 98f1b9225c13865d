package exec

import (
	"bytes"
	"context"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/vigented/vigente/providers/exec/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

const testSecret = "s3cr3t+word/="

func TestContract(t *testing.T) {
	t.Setenv("EXEC_SECRET", testSecret)
	providertest.RunCommand(t, providertest.Suite{
		Kind: Kind(),
		Credential: `
			command = ["/bin/sh", "{dir}/command"]
			env = { LOGIN = { env = "EXEC_SECRET" } }
			stdin = { env = "EXEC_SECRET" }
		`,
		Files:    map[string]string{"command": `printf %s '{"access_token":"tok","expires_in":3600}'` + "\n"},
		Answers:  "testdata/outputs",
		Secrets:  []string{testSecret},
		Optional: []string{fieldUsername, fieldSession},
	})
}

// TestEmulatedCommands reads what the emulator prints: every form, and every fault
// in the form of an OAuth answer.
func TestEmulatedCommands(t *testing.T) {
	zone := time.FixedZone("", -3*60*60)
	tools := emulator.New(emulator.Settings{Zone: zone}, nil)
	server := httptest.NewServer(tools)
	defer server.Close()
	printed := func(form string) (string, int) {
		var out, errs bytes.Buffer
		code := emulator.Print(t.Context(), server.URL+"/"+form, &out, &errs)
		return out.String(), code
	}
	endless := map[string]bool{"text": true, "docker": true}
	for _, form := range emulator.Forms() {
		out, code := printed(form)
		at := time.Now()
		got, f := read(form, []byte(out), at, zone)
		if code != 0 || f != nil {
			t.Errorf("%s: exits %d, %v", form, code, f)
			continue
		}
		token := got.Values[fieldToken]
		if form == formAWS {
			token = got.Values[fieldSession]
		}
		if left := got.ExpiresAt.Sub(at); !tools.Issued(token.Reveal()) || got.ExpiresAt.IsZero() != endless[form] || !endless[form] && (left < 59*time.Minute || left > 61*time.Minute) {
			t.Errorf("%s: a token until %v of\n%s", form, got.ExpiresAt, out)
		}
	}
	for fault, want := range map[string]int{"busy": 75, "refused": 77, "fails": 1, "usage": 2, "nothing": 0, "words": 0, "page": 0, "broken": 0, "too-much": 0, "over": 0} {
		if err := tools.SetFault(fault, 1); err != nil {
			t.Fatal(err)
		}
		out, code := printed("azure")
		if _, f := read(formAuto, []byte(out), time.Now(), zone); code != want || code == 0 && f == nil && fault != "too-much" {
			t.Errorf("%s: exits %d, want %d, and prints a good %q", fault, code, want, out)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer stop()
	if code := emulator.Print(ctx, server.URL+"/text?emulate=hang", &bytes.Buffer{}, &bytes.Buffer{}); code == 0 {
		t.Error("a command that hangs succeeds")
	}
}
