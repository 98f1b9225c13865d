package canary

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// TestSecretsInTheWrongPlaceAreNotRepeated: people put secrets where none
// belong. The error names the key but never quotes the value.
func TestSecretsInTheWrongPlaceAreNotRepeated(t *testing.T) {
	t.Parallel()
	h := newSecretSet()
	w := e2etest.NewWorld(t, "")
	secret := func() string { return h.word("a misplaced secret") }
	w.Write("two-lines", h.word("a secret of two lines")+"\n"+h.word("its second line")+"\n")
	w.Write("no.p12", h.word("what is no certificate"))
	w.Write("no.pem", "-----BEGIN CERTIFICATE-----\n"+h.word("what is no certificate")+"\n-----END CERTIFICATE-----\n")
	w.Write("key", h.word("a key that is too long")+"x")
	const provider = "[providers.p]\ntype = \"senhasegura\"\nurl = \"https://x.example\"\nclient_id = \"i\"\nclient_secret = "
	for name, text := range map[string]string{
		"plain":             provider + `"` + secret() + `"`,
		"a list":            provider + `["` + secret() + `"]`,
		"a number":          provider + "12345678901234567890123456789012345678901234567890",
		"an unknown place":  provider + `{ value = "` + secret() + `" }`,
		"two places":        provider + `{ file = "x", env = "` + secret() + `" }`,
		"a variable's name": provider + `{ env = "` + secret() + `!" }`,
		"a credential":      provider + `{ credential = "` + secret() + `=/+" }`,
		"two lines":         provider + `{ file = "{dir}/two-lines" }`,
		"an open string":    provider + `"` + secret(),
		"a broken escape":   provider + `"` + secret() + `\q"`,
		"no quotes":         provider + secret(),
		"twice":             provider + `{ file = "{dir}/two-lines" }` + "\nclient_secret = \"" + secret() + `"`,
		"in the url":        "[providers.p]\ntype = \"tss\"\nurl = \"https://u:" + secret() + "@x.example/a\"",
		"in the query":      "[providers.p]\ntype = \"tss\"\nurl = \"https://x.example/a?token=" + secret() + "\"",
		"keys":              "[providers.p]\ntype = \"arqged\"\nusername = \"u\"\npassword = \"" + secret() + "\"\nsubscription_keys = [\"" + secret() + "\", \"" + secret() + "\"]",
		"oauth1":            "[providers.p]\ntype = \"senhasegura\"\nauth = \"oauth1\"\nurl = \"https://x.example\"\nconsumer_key = \"k\"\ntoken_key = \"t\"\nconsumer_secret = \"" + secret() + "\"\ntoken_secret = \"" + secret() + "\"",
		"a certificate": "[providers.p]\ntype = \"integra-contador\"\nauth_url = \"https://x.example/authenticate\"\napi_url = \"https://x.example/a\"\nconsumer_key = \"k\"\n" +
			"consumer_secret = { file = \"{dir}/key\" }\ncontratante = { numero = \"12345678000195\", nome = \"X\" }\ncertificate = { file = \"{dir}/no.p12\", password = \"" + secret() + "\" }",
		"no certificate": provider + "{ file = \"{dir}/key\" }\ntls = { ca_file = \"{dir}/no.pem\", certificate = { file = \"{dir}/no.p12\", password = { file = \"{dir}/key\" } }, pin_sha256 = \"" + secret() + "\" }",
	} {
		w.Configure(text + "\n")
		for _, command := range [][]string{{"check"}, {"run"}, {"doctor"}, {"simulate"}, {"status"}, {"run", "--once"}} {
			code, out, errs := w.Run(command...)
			h.search(t, fmt.Sprintf("%s with a secret as %s", command, name), out+errs)
			if command[0] == "check" && code != 3 {
				t.Errorf("%s: got exit code %d, want 3", name, code)
			}
		}
	}
	w.Configure("")
	w.Write("config.toml", strings.Replace(w.Read("config.toml"), "[daemon]\n", "[daemon]\nstate_key = \""+secret()+"\"\n", 1))
	_, out, errs := w.Run("run")
	h.search(t, "a state key in the open", out+errs)
	w.Write("config.toml", strings.Replace(w.Read("config.toml"), "state_key = \"", "state_key = { file = \"{dir}/key\" } # \"", 1))
	w.Write("config.toml", strings.ReplaceAll(w.Read("config.toml"), "{dir}", w.Dir))
	code, out, errs := w.Run("run")
	h.search(t, "a state key that is too long", out+errs)
	if code != 3 {
		t.Errorf("state key too long: got exit code %d, want 3", code)
	}
}

// TestSecretsOnTheCommandLineGoNoFurther: a secret typed by mistake may appear
// on the user's own terminal, but in nothing the daemon keeps or shows.
func TestSecretsOnTheCommandLineGoNoFurther(t *testing.T) {
	t.Parallel()
	h := newSecretSet()
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "")
	w.Start()
	typed := func() string {
		word := "cnry" + e2etest.Random(14)
		h.add("what was typed", word)
		return word
	}
	for _, args := range [][]string{
		{"show", typed()},
		{"show", "vault", "--field", typed()},
		{"renew", typed()},
		{"renew", "vault", typed()},
		{"status", typed()},
		{"wait", typed()},
		{"explain", typed()},
		{"sign", typed(), "GET", "https://x.example/?token=" + typed()},
		{"sign", "vault", "GET", "https://u:" + typed() + "@x.example/"},
		{"sign", "vault", "POST", "https://x.example/", "--form", "password=" + typed()},
		{"status", "--" + typed()},
		{typed()},
		{"simulate", "--outage", typed()},
		{"reload", typed()},
	} {
		if code, _, _ := w.Run(args...); code == 0 {
			t.Errorf("%s: got exit code 0, want a failure", args[0])
		}
	}
	for _, path := range []string{"/", "/metrics", "/readyz"} {
		_, body := w.Get(path)
		h.search(t, path, body)
	}
	_, out, errs := w.Run("status", "--json")
	h.search(t, "status", out+errs)
	w.Stop()
	h.search(t, "the log", w.Daemon.Log.String())
	h.search(t, "the state", w.Read("state/state.db"))
}
