package e2etest

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

var Shop = tss.Identity{CNPJ: "53113791000122", IE: "111010945111", UF: "SP"}

const (
	VaultID     = "0c2fc8a1b2c3d4e5f60718293a4b5c6d7e8f90012"
	VaultSecret = "canary-5f4dcc3b5aa765d61d8327deb882cf99"
)

const IniBefore = "; loja n\xe3o mexer\r\n[SPED]\r\nRpoDb =SQL\r\n[TssOffLine] \r\n\tToken = \r\n\tONLINEPORT=8080\r\n[LAST]\r\nx=1"

// Both returns a configuration with two backends and all three kinds of sinks.
func Both(tssURL, vaultURL, more string) string {
	return fmt.Sprintf(`
[renewal]
min_interval = "1s"
timeout = "3s"
[providers.tss]
type = "tss"
url = %q
[credentials.loja]
provider = "tss"
cnpj = "53.113.791/0001-22"
tipopessoa = 2
ie = "111010945111"
uf = "SP"
max_age = "1h"
[sinks.till]
type = "ini"
path = "{dir}/till/appserver.ini"
section = "TSSOFFLINE"
values = { TOKEN = "${loja.token}" }
[providers.vault]
type = "senhasegura"
url = %q
client_id = %q
client_secret = { file = "{dir}/secret" }
[credentials.vault]
provider = "vault"
[sinks.env]
type = "env"
path = "{dir}/out/vault.env"
values = { VAULT_TOKEN = "${vault.access_token}", UNTIL = "${vault.expires_at}" }
[sinks.file]
type = "file"
path = "{dir}/out/vault.token"
content = "${vault.authorization} and ${loja.token}"
%s`, tssURL+"/rest/RestNewToken", vaultURL, VaultID, more)
}

// Furnish creates an installation with that configuration.
func Furnish(t *testing.T, tills *tss.Emulator, vault *senhasegura.Server, more string) *World {
	t.Helper()
	w := NewWorld(t, Both(Serve(t, tills), Serve(t, vault), more))
	w.Write("secret", VaultSecret+"\n")
	w.Write("till/appserver.ini", IniBefore)
	if err := os.Mkdir(w.Path("out"), 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

func NewVault(life time.Duration) *senhasegura.Server {
	return senhasegura.New(senhasegura.Settings{
		Lifetime:     life,
		Applications: []senhasegura.Application{{ClientID: VaultID, ClientSecret: VaultSecret}},
	}, nil)
}

// TssURL and VaultURL read the URLs back from the configuration.
func (w *World) TssURL(t *testing.T) string {
	t.Helper()
	return strings.TrimSuffix(w.setting(t, "providers.tss"), "/rest/RestNewToken")
}

func (w *World) VaultURL(t *testing.T) string { return w.setting(t, "providers.vault") }

func (w *World) setting(t *testing.T, table string) string {
	t.Helper()
	_, rest, found := strings.Cut(w.Read("config.toml"), "["+table+"]")
	_, rest, quoted := strings.Cut(rest, "url = \"")
	value, _, closed := strings.Cut(rest, "\"")
	if !found || !quoted || !closed {
		t.Fatalf("no url in %s", table)
	}
	return value
}
