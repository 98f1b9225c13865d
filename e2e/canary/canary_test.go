package canary

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/certtest"
	arqged "github.com/vigented/vigente/providers/arqged/emulator"
	integracontador "github.com/vigented/vigente/providers/integracontador/emulator"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// installation has every kind of provider and sink. Every secret in it is a
// canary, and every backend leaks.
type installation struct {
	*e2etest.World
	secretSet *secretSet
	backends  []*leakyBackend
	inEnv     []string // secrets that the daemon's environment must contain
}

const talkative = `
[renewal]
min_interval = "1s"
timeout = "3s"
[providers.tss]
type = "tss"
url = "{tss}/rest/RestNewToken"
read_url = "{tss}/rest/RestGetToken"
username = { file = "{dir}/secrets/tss-user" }
password = { file = "{dir}/secrets/tss-password" }
[credentials.loja]
provider = "tss"
cnpj = "53.113.791/0001-22"
tipopessoa = 2
ie = "111010945111"
uf = "SP"
max_age = "1h"
[providers.guarded]
type = "tss"
url = "{guarded}/rest/RestNewToken"
username = { env = "VIG_GUARDED_USER" }
password = { env = "VIG_GUARDED_PASSWORD" }
[providers.guarded.tls]
ca_file = "{dir}/guarded.pem"
server_name = "guarded.example"
certificate = { file = "{dir}/secrets/client.p12", password = { file = "{dir}/secrets/client-password" } }
[credentials.guarded]
provider = "guarded"
cnpj = "53.113.791/0001-22"
uf = "SP"
[providers.vault]
type = "senhasegura"
url = "{vault}"
client_id = { env = "VIG_CLIENT_ID" }
client_secret = { credential = "client-secret" }
[credentials.vault]
provider = "vault"
[providers.old]
type = "senhasegura"
auth = "oauth1"
url = "{vault}"
consumer_key = { file = "{dir}/secrets/consumer-key" }
consumer_secret = { env = "VIG_CONSUMER_SECRET" }
token_key = { credential = "token-key" }
token_secret = { file = "{dir}/secrets/token-secret" }
[credentials.old]
provider = "old"
[providers.ged]
type = "arqged"
url = "{ged}"
username = { file = "{dir}/secrets/ged-user" }
password = { credential = "ged-password" }
subscription_keys = [{ file = "{dir}/secrets/key1" }, { env = "VIG_KEY2" }]
[credentials.ged]
provider = "ged"
[providers.integra]
type = "integra-contador"
auth_url = "{integra}/authenticate"
api_url = "{integra}/integra-contador/v1"
consumer_key = { file = "{dir}/secrets/integra-key" }
consumer_secret = { file = "{dir}/secrets/integra-secret" }
certificate = { file = "{dir}/secrets/contratante.p12", password = { credential = "contratante-password" } }
contratante = { numero = "12345678000195", nome = "EMPRESA CONTRATANTE" }
[credentials.sessao]
provider = "integra"
[credentials.cliente]
provider = "integra"
session = "sessao"
author = { numero = "52998224725", nome = "FULANO", certificate = { file = "{dir}/secrets/author.p12", password = { file = "{dir}/secrets/author-password" } } }
[sinks.till]
type = "ini"
path = "{dir}/out/appserver.ini"
section = "TSSOFFLINE"
values = { TOKEN = "${loja.token}" }
[sinks.env]
type = "env"
path = "{dir}/out/all.env"
values = { V = "${vault.authorization}", G = "${ged.authorization}", U = "${ged.user_id}", S = "${sessao.access_token}", J = "${sessao.jwt_token}", C = "${cliente.token}", K = "${old.consumer_key}" }
on_change = { command = ["{dir}/hook"], timeout = "5s" }
[sinks.file]
type = "file"
path = "{dir}/out/token"
content = "Bearer ${vault.access_token} ${loja.token}"
on_change = { command = ["{dir}/hook", "fails"], timeout = "5s" }
[sinks.wrong]
type = "file"
path = "{dir}/folder/token"
content = "${vault.access_token}"
[sinks.unfit]
type = "ini"
path = "{dir}/out/other.ini"
section = "NOT THERE"
values = { NO = "${vault.access_token}" }
`

// nosy prints everything a hook can read.
const nosy = `#!/bin/sh
{ env; echo "$@"; cat /proc/self/environ /proc/self/cmdline /proc/$PPID/cmdline; ls -l /proc/self/fd; pwd; } >>{dir}/hook.out 2>&1
env; env >&2
[ "$1" != fails ]
`

func newInstallation(t *testing.T) *installation {
	t.Helper()
	h := newSecretSet()
	k := &installation{secretSet: h}
	serve := func(backend http.Handler) string {
		g := &leakyBackend{backend: backend, secretSet: h}
		k.backends = append(k.backends, g)
		return e2etest.Serve(t, g)
	}
	files := map[string]string{}
	secret := func(name string, raw string) string { files[name] = raw + "\n"; return raw }
	env := func(name, raw string) string {
		k.inEnv = append(k.inEnv, raw)
		files["="+name] = raw
		return raw
	}
	user, password := h.canary("a user"), h.canary("a password")
	tills := tss.New(tss.Options{Username: secret("secrets/tss-user", user), Password: secret("secrets/tss-password", password)})
	vault := senhasegura.New(senhasegura.Settings{Applications: []senhasegura.Application{{
		ClientID: env("VIG_CLIENT_ID", h.word("a client_id")), ClientSecret: secret("creds/client-secret", h.canary("a client_secret")),
		ConsumerKey: secret("secrets/consumer-key", h.word("a consumer_key")), ConsumerSecret: env("VIG_CONSUMER_SECRET", h.word("a consumer_secret")),
		TokenKey: secret("creds/token-key", h.word("a token_key")), TokenSecret: secret("secrets/token-secret", h.canary("a token_secret")),
	}}}, nil)
	ged := arqged.New(arqged.Settings{
		Users: []arqged.User{{Name: secret("secrets/ged-user", h.word("a username")), Password: secret("creds/ged-password", h.canary("a password"))}},
		Keys:  []string{secret("secrets/key1", h.word("a subscription key")), env("VIG_KEY2", h.word("a subscription key"))}, Unlimited: true,
	}, nil)
	integra := integracontador.New(integracontador.Settings{Keys: []integracontador.Key{{
		ConsumerKey: secret("secrets/integra-key", h.word("a consumer_key")), ConsumerSecret: secret("secrets/integra-secret", h.word("a consumer_secret")),
		Contratante: "12345678000195",
	}}, AlwaysNew: true}, nil)
	identify(t, h, files)
	env("VIG_GUARDED_USER", h.canary("a user"))
	env("VIG_GUARDED_PASSWORD", h.canary("a password"))
	env("VIG_TOOL_KEY", h.word("a key of a command"))
	state := h.stateKey(t)
	secret("secrets/state-key", state)
	text := strings.NewReplacer("{tss}", serve(tills), "{vault}", serve(vault), "{ged}", serve(ged), "{integra}", serve(integra),
		"{guarded}", guarded(t, h, files)).Replace(talkative) + generic(h, files, serve)
	k.World = e2etest.NewWorld(t, text)
	k.Environ = []string{"CREDENTIALS_DIRECTORY=" + k.Path("creds")}
	files["out/appserver.ini"], files["folder/token/x"], files["out/other.ini"], files["hook"] = e2etest.IniBefore, "", "[A]\nx=1\n", strings.ReplaceAll(nosy, "{dir}", k.Dir)
	files["tool"] = strings.ReplaceAll(tool, "{dir}", k.Dir)
	for name, raw := range files {
		if variable, ok := strings.CutPrefix(name, "="); ok {
			k.Environ = append(k.Environ, variable+"="+raw)
			continue
		}
		k.Write(name, raw)
	}
	if err := os.Chmod(k.Path("hook"), 0o755); err != nil {
		t.Fatal(err)
	}
	k.Write("config.toml", strings.Replace(k.Read("config.toml"), "[daemon]\n", "[daemon]\nstate_key = { file = \""+k.Path("secrets/state-key")+"\" }\n", 1))
	return k
}

// stateKey creates the key of the state, whose bytes are a canary too.
func (h *secretSet) stateKey(t *testing.T) string {
	t.Helper()
	key := e2etest.Random(32)
	raw, err := hex.DecodeString(key)
	if err != nil {
		t.Fatal(err)
	}
	h.add("the state key", key)
	h.add("the bytes of the state key", string(raw))
	return key
}

// identify creates the certificates for Integra Contador.
func identify(t *testing.T, h *secretSet, files map[string]string) {
	t.Helper()
	authority, err := integracontador.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	for name, of := range map[string]integracontador.Issue{
		"contratante": {Name: "EMPRESA CONTRATANTE", Number: "12345678000195"}, "author": {Name: "FULANO", Number: "52998224725"},
	} {
		id, err := authority.Issue(of)
		if err != nil {
			t.Fatal(err)
		}
		password := h.word("the password of a certificate")
		files[map[string]string{"contratante": "creds/contratante-password", "author": "secrets/author-password"}[name]] = password
		p12, err := pkcs12.Modern.Encode(id.Key, id.Certificate, nil, password)
		if err != nil {
			t.Fatal(err)
		}
		files["secrets/"+name+".p12"] = string(p12)
		for what, n := range map[string]*big.Int{"exponent": id.Key.D, "first prime": id.Key.Primes[0], "second prime": id.Key.Primes[1]} {
			h.add("the "+what+" of a private key", string(n.Bytes()))
			h.add("the "+what+" of a private key", n.String())
		}
	}
}

// guarded is a TLS backend whose certificate is for a name that is a canary,
// not for its address.
func guarded(t *testing.T, h *secretSet, files map[string]string) string {
	t.Helper()
	issue := func(cn string, names ...string) *tls.Certificate {
		return certtest.Issue(t, &x509.Certificate{
			Subject: pkix.Name{CommonName: cn, Organization: []string{cn}}, DNSNames: names, IsCA: true, BasicConstraintsValid: true,
		}, nil)
	}
	name := h.word("a name in the server's certificate")
	theirs, ours := issue(name, name+".example"), issue("client")
	password := h.canary("the password of a certificate")
	p12, err := pkcs12.Modern.Encode(ours.PrivateKey, ours.Leaf, nil, password)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := ours.PrivateKey.(*ecdsa.PrivateKey).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	h.add("a private key", string(raw))
	files["secrets/client.p12"], files["secrets/client-password"] = string(p12), password
	files["guarded.pem"] = string(certtest.CertificatePEM(theirs))
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = quiet()
	server.TLS = &tls.Config{Certificates: []tls.Certificate{*theirs}, ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL
}

// TestSecretsAreFoundNowhere runs every command and every backend failure at
// debug level, and searches all output for secrets.
func TestSecretsAreFoundNowhere(t *testing.T) {
	t.Parallel()
	k := newInstallation(t)
	k.Start()
	k.Eventually("everything is tried", func() bool {
		s := k.Status().States()
		return s["env"] == "delivered" && s["file"] == "delivered" && s["till"] == "delivered" && s["wrong"] == "failing" && s["unfit"] == "failing" && s["old"] == "valid" && s["generic"] == "delivered"
	})
	for name, fields := range map[string][]string{
		"loja": {"token"}, "vault": {"access_token", "authorization"}, "ged": {"token"}, "sessao": {"access_token", "jwt_token"}, "cliente": {"token"},
		"robot": {"access_token", "authorization"}, "first": {"token"}, "second": {"token"}, "tool": {"token"},
	} {
		for _, field := range fields {
			code, value, errs := k.Run("show", name, "--field", field)
			if code != 0 || len(value) < 16 {
				t.Fatalf("show %s %s: got exit code %d: %s", name, field, code, errs)
			}
			k.secretSet.add("the "+field+" of "+name, strings.TrimSpace(strings.TrimPrefix(value, "Bearer ")))
		}
	}
	if n := len(k.secretSet.all()); n < 40 {
		t.Errorf("only %d secrets are known; have the backends changed?", n)
	}
	k.commands(t)
	// Each way of leaking is used by half of the backends. The last one asks
	// callers to wait, which is obeyed, so not all backends may use it.
	ways := leaks()
	last := len(ways) - 1
	for round := range last/2 + 2 {
		for i, g := range k.backends {
			if way := (2*round + i) % last; round <= last/2 {
				g.setLeak(ways[way])
			} else if i%2 == 1 {
				g.setLeak(ways[last])
			}
		}
		k.Write("tool.mode", fmt.Sprintf("exit %d\n", []int{0, 1, 75, 77}[round%4]))
		if code, _, _ := k.call(t, "renew", "--all"); code != 1 {
			t.Errorf("round %d: renew: got exit code %d, want 1", round, code)
		}
		k.call(t, "status")
	}
	k.call(t, "status", "--json")
	for _, name := range []string{"loja", "vault", "old", "ged", "sessao", "cliente", "guarded", "robot", "first", "second", "tool"} {
		k.call(t, "explain", name)
	}
	k.call(t, "doctor")
	k.call(t, "check", "--probe")
	k.inspect(t)
	t.Logf("searched for %d secrets", len(k.secretSet.all()))
	k.ending(t)
}
