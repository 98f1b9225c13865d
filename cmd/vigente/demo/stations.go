package demo

import (
	"fmt"
	"time"

	arqged "github.com/vigented/vigente/providers/arqged/emulator"
	"github.com/vigented/vigente/providers/emulation"
	integracontador "github.com/vigented/vigente/providers/integracontador/emulator"
	oauth2 "github.com/vigented/vigente/providers/oauth2/emulator"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// station is one emulated backend with its configuration. In config, {base} is
// replaced by its address and {dir} by the demonstration's folder.
type station struct {
	kind     string
	base     string
	emulator emulation.Emulator
	config   string
	files    map[string]string // by name below the folder
	look     string            // what to look at
	fault    string            // to suggest
}

// stations returns every backend of the demonstration.
func stations(shops int) []station {
	first := station{
		kind:     "tss",
		emulator: tss.New(tss.Options{Latency: 150 * time.Millisecond}),
		config:   tssConfig,
		files:    map[string]string{"till/appserver.ini": appserver},
		look:     "till/appserver.ini: TOKEN in [TSSOFFLINE] changes, every other byte stays",
		fault:    "fault-500",
	}
	if shops > 0 {
		first.config += fleetText(shops)
		first.files["shops.csv"], first.files["shops/README"] = shopTable(shops), "One file for each row of shops.csv.\n"
		first.look += "\n" + fmt.Sprintf("  %-16s shops.csv makes the %d tokens in shops/*.env: change a row, and only that one changes", "fleet", shops)
	}
	return []station{
		first,
		{
			kind: "senhasegura",
			emulator: senhasegura.New(senhasegura.Settings{
				Lifetime: 20 * time.Second, Latency: 100 * time.Millisecond,
				Applications: []senhasegura.Application{{ClientID: demoClient, ClientSecret: demoSecret}},
			}, nil),
			config: senhaseguraConfig,
			files:  map[string]string{"secrets/senhasegura": demoSecret + "\n"},
			look:   "vault.env and vault.token: a new access token about every 15 seconds",
			fault:  "server-error",
		},
		{
			kind: "oauth2",
			emulator: oauth2.New(oauth2.Settings{
				Lifetime: 20 * time.Second, Latency: 100 * time.Millisecond,
				Clients: []oauth2.Client{{ID: demoClient, Secret: demoSecret}}, Users: []oauth2.User{{Name: demoUser, Password: demoSecret}},
			}, nil),
			config: oauth2Config,
			files:  map[string]string{"secrets/oauth2": demoSecret + "\n"},
			look:   "orders.token: a new token about every 15 seconds, obtained with a refresh token that works once",
			fault:  "lost-answer",
		},
		{
			kind: "arqged",
			emulator: arqged.New(arqged.Settings{
				Minute: 20 * time.Second, Latency: 100 * time.Millisecond,
				Users: []arqged.User{{Name: demoUser, Password: demoSecret}}, Keys: []string{demoKey1, demoKey2},
			}, nil),
			config: arqgedConfig,
			files: map[string]string{
				"secrets/arqged": demoSecret + "\n", "secrets/arqged-key1": demoKey1 + "\n", "secrets/arqged-key2": demoKey2 + "\n",
			},
			look:  "ged.env: a new token about every 15 seconds, each with a refresh token that works once",
			fault: "lost-answer",
		},
		{
			kind: "integra-contador",
			emulator: integracontador.New(integracontador.Settings{
				PairLife: 30 * time.Second, TokenLife: 20 * time.Second, Latency: 100 * time.Millisecond,
				Keys: []integracontador.Key{{ConsumerKey: demoClient, ConsumerSecret: demoSecret, Contratante: demoContratante}},
			}, nil),
			config: integraConfig,
			files:  integraFiles(),
			look:   "cliente.env: a session about every 20 seconds, and for one client the token for a signed Termo",
			fault:  "session-ended",
		},
	}
}

// integraFiles creates a test e-CNPJ and e-CPF from an untrusted authority.
func integraFiles() map[string]string {
	files := map[string]string{"secrets/integra": demoSecret + "\n"}
	authority, err := integracontador.NewAuthority()
	for name, of := range map[string]integracontador.Issue{
		"secrets/contratante.pem": {Name: "ESCRITORIO CONTABIL LTDA", Number: demoContratante},
		"secrets/cliente.pem":     {Name: "FULANO DE TAL", Number: demoAuthor},
	} {
		var id *integracontador.Identity
		var text []byte
		if err == nil {
			id, err = authority.Issue(of)
		}
		if err == nil {
			text, err = id.PEM()
		}
		files[name] = string(text)
	}
	if err != nil {
		panic(err) // this machine has no randomness
	}
	return files
}

const (
	demoClient = "0c2fc8a1b2c3d4e5f60718293a4b5c6d7e8f90012"
	demoSecret = "5f4dcc3b5aa765d61d8327deb882cf99"
	demoUser   = "integracao"
	demoKey1   = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
	demoKey2   = "f9e8d7c6b5a493827160f5e4d3c2b1a0"

	demoContratante = "12345678000195"
	demoAuthor      = "52998224725"
)

const tssConfig = `[providers.tss]
type = "tss"
url = "{base}/rest/RestNewToken"
read_url = "{base}/rest/RestGetToken"

[credentials.loja]
provider = "tss"
cnpj = "53.113.791/0001-22"
tipopessoa = 2
ie = "111010945111"
uf = "SP"
max_age = "12s"

[sinks.till]
type = "ini"
path = "{dir}/till/appserver.ini"
section = "TSSOFFLINE"
values = { TOKEN = "${loja.token}" }
`

const senhaseguraConfig = `[providers.vault]
type = "senhasegura"
url = "{base}"
client_id = "` + demoClient + `"
client_secret = { file = "{dir}/secrets/senhasegura" }

[credentials.vault]
provider = "vault"

[sinks.vault-env]
type = "env"
path = "{dir}/vault.env"
values = { VAULT_TOKEN = "${vault.access_token}", VAULT_TOKEN_EXPIRES_AT = "${vault.expires_at}" }

[sinks.vault-file]
type = "file"
path = "{dir}/vault.token"
content = "${vault.authorization}"
mode = "0640"
`

const oauth2Config = `[providers.orders]
type = "oauth2"
token_url = "{base}/token"
client_id = "` + demoClient + `"
client_secret = { file = "{dir}/secrets/oauth2" }

[credentials.orders]
provider = "orders"
grant = "password"
username = "` + demoUser + `"
password = { file = "{dir}/secrets/oauth2" }

[sinks.orders-file]
type = "file"
path = "{dir}/orders.token"
content = "${orders.access_token}"
`

const arqgedConfig = `[providers.ged]
type = "arqged"
url = "{base}"
username = "` + demoUser + `"
password = { file = "{dir}/secrets/arqged" }
subscription_keys = [{ file = "{dir}/secrets/arqged-key1" }, { file = "{dir}/secrets/arqged-key2" }]

[credentials.ged]
provider = "ged"
token_minutes = 1

[sinks.ged-env]
type = "env"
path = "{dir}/ged.env"
values = { GED_AUTHORIZATION = "${ged.authorization}", GED_USER_ID = "${ged.user_id}" }
`

const integraConfig = `[providers.integra]
type = "integra-contador"
auth_url = "{base}/authenticate"
api_url = "{base}/integra-contador/v1"
consumer_key = "` + demoClient + `"
consumer_secret = { file = "{dir}/secrets/integra" }
certificate = { file = "{dir}/secrets/contratante.pem" }
contratante = { numero = "` + demoContratante + `", nome = "ESCRITORIO CONTABIL LTDA" }

[credentials.sessao]
provider = "integra"

[credentials.cliente]
provider = "integra"
session = "sessao"
author = { numero = "` + demoAuthor + `", nome = "FULANO DE TAL", certificate = { file = "{dir}/secrets/cliente.pem" } }

[sinks.cliente-env]
type = "env"
path = "{dir}/cliente.env"
values = { ACCESS_TOKEN = "${sessao.access_token}", JWT_TOKEN = "${sessao.jwt_token}", PROCURADOR_TOKEN = "${cliente.token}" }
`

// appserver is a realistic INI: CRLF, a single-byte code page,
// commented-out copies, blanks around equal signs, no final newline.
const appserver = "; AppServer da loja 12 - n\xe3o alterar sem avisar a matriz\r\n" +
	"[SPED]\r\nSourcePath=C:\\TOTVS\\apo\\\r\nRpoDb =SQL\r\nPrepareIn=\r\n\r\n" +
	";[TSSOFFLINE]\r\n;TOKEN=0000000000000000000000000000000000000000\r\n\r\n" +
	"[TssOffLine] \r\n\tTSSOFFLINE=1\r\n\tONLINEURL=localhost\r\n\tONLINEPORT=8080\r\n\tToken = \r\n\r\n" +
	"[JOB_OFFLINE]\r\nmain=JOB_DLL\r\nenvironment=SPED\r\n\r\n[ONSTART]\r\nJOBS=JOB_OFFLINE\r\nrefreshrate=10"
