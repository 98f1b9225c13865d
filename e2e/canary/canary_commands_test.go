package canary

import (
	"context"
	"io"
	"log"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// uses returns the invocations of every command: its forms and wrong names.
// Commands that run until stopped are in lasting.
func uses() map[string][][]string {
	const url = "https://vault.example/iso/coe/senha/1?a=b"
	return map[string][][]string{
		"check":      {{}, {"--probe"}},
		"completion": {{"bash"}, {"zsh"}, {"fish"}, {"powershell"}, {"bash", "--no-descriptions"}, {"tcsh"}},
		"demo":       {},
		"doctor":     {{}, {"--json"}},
		"emulate":    {{"nothing"}, {}, {"oauth2", "--preset", "nothing"}, {"exec", "--print", "http://127.0.0.1:1/text"}, {"tss", "--certificates", "nothing"}, {"tss", "--fault", "nothing", "--listen", "127.0.0.1:0"}},
		"explain":    {{"loja"}, {"vault"}, {"old"}, {"ged"}, {"sessao"}, {"cliente"}, {"guarded"}, {"till"}, {"robot"}, {"first"}, {"second"}, {"tool"}},
		"help":       {{}, {"renew"}, {"nothing"}},
		"man":        {{}},
		"reload":     {{}},
		"login":      {{"vault"}, {"vault", "--refresh-token", "x"}, {"vault", "--refresh-token", "-"}, {"--import", "x"}, {"--import", "-"}, {"nobody"}},
		"presets":    {{}, {"--json"}},
		"renew":      {{"vault", "ged"}, {"nobody"}, {}, {"--all", "vault"}},
		"run":        {{}, {"--once"}},
		"show":       {{"vault", "--field", "nothing"}, {"vault", "--field", "expires_at"}, {"till"}, {"old", "--field", "token_secret"}},
		"sign":       {{"vault", "GET", url}, {"old", "GET", "::"}, {"old", "G T", url}, {"old", "POST", url, "--form", "noequal"}},
		"simulate":   {{"--for", "2d"}, {"--for", "1d", "--from", "2026-01-01T00:00:00Z", "--outage", "vault=1h+2h", "--suspend", "5h+1h", "--life", "vault=30m"}, {"--outage", "x"}},
		"status":     {{}, {"vault"}, {"--json"}, {"--check"}, {"nobody"}, {"till", "vault", "--json", "--check"}},
		"version":    {{}},
		"wait":       {{"vault", "--timeout", "5s"}, {"guarded", "--timeout", "100ms"}, {"nobody"}},
	}
}

// lasting returns the commands that run until they are stopped.
func lasting() [][]string {
	return [][]string{{"demo"}, {"emulate", "tss", "senhasegura", "arqged", "integra-contador", "oauth2", "http", "exec"}}
}

// commands runs every command of the binary in every form. The binary itself
// lists its commands, so that a new one cannot be forgotten.
func (k *installation) commands(t *testing.T) {
	t.Helper()
	known := uses()
	for _, name := range k.offers(t, "") {
		forms, ok := known[name]
		if !ok {
			t.Errorf("the command %q is not covered by the search", name)
		}
		for _, flag := range k.offers(t, name, "--") {
			used := func(form []string) bool { return slices.Contains(form, flag) }
			if flag != "--config" && flag != "--help" && !slices.ContainsFunc(forms, used) {
				t.Errorf("the flag %s of %s is not covered by the search", flag, name)
			}
		}
		forms = append(slices.Clone(forms), []string{"--help"}, []string{"--no-such-flag"}, []string{"nobody", "no-one", "none", "x", "y"})
		for _, form := range forms {
			k.call(t, append([]string{name}, form...)...)
		}
	}
	k.call(t)
	k.call(t, "nothing")
	k.offers(t, "show", "")
	if code, header, _ := k.Run("sign", "old", "GET", "https://vault.example/x"); code != 0 || !strings.HasPrefix(header, "Authorization: OAuth ") {
		t.Errorf("sign: got exit code %d, want 0 and a header", code)
	}
	for _, args := range lasting() {
		k.brief(t, args)
	}
}

// offers asks the binary for completions, as a shell does.
func (k *installation) offers(t *testing.T, words ...string) []string {
	t.Helper()
	_, out, errs := k.Run(append(append([]string{"__complete"}, "-c", k.Path("config.toml")), words...)...)
	k.secretSet.search(t, "completion", out+errs)
	var names []string
	for l := range strings.Lines(out) {
		name, _, _ := strings.Cut(strings.TrimSpace(l), "\t")
		if name != "" && !strings.HasPrefix(name, ":") {
			names = append(names, name)
		}
	}
	return names
}

// brief runs a command until it has printed something, and then stops it.
func (k *installation) brief(t *testing.T, args []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), e2etest.Patience)
	defer cancel()
	cmd := k.Command(ctx, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	out := &e2etest.Buffer{}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	k.Eventually(args[0]+" speaks", func() bool { return len(out.String()) > 400 })
	cancel()
	_ = cmd.Wait()
	k.secretSet.search(t, strings.Join(args, " "), out.String())
}
