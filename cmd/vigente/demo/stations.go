package demo

import (
	"time"

	"github.com/vigented/vigente/providers/kit"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// station is one emulated backend with what is configured for it. In config,
// {base} stands for its address and {dir} for the demonstration's folder.
type station struct {
	kind     string
	base     string
	emulator kit.Emulator
	config   string
	files    map[string]string // by name below the folder
	look     string            // what to look at
	fault    string            // one worth trying
}

// stations returns every backend of the demonstration.
func stations() []station {
	return []station{
		{
			kind:     "tss",
			emulator: tss.New(tss.Options{Latency: 150 * time.Millisecond}),
			config:   tssConfig,
			files:    map[string]string{"till/appserver.ini": appserver},
			look:     "till/appserver.ini: TOKEN in [TSSOFFLINE] changes, every other byte stays",
			fault:    "fault-500",
		},
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
	}
}

const (
	demoClient = "0c2fc8a1b2c3d4e5f60718293a4b5c6d7e8f90012"
	demoSecret = "5f4dcc3b5aa765d61d8327deb882cf99"
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

// appserver is an INI as real ones are: CRLF, a code page of one byte a letter,
// commented-out copies, blanks around equal signs, no final newline.
const appserver = "; AppServer da loja 12 - n\xe3o alterar sem avisar a matriz\r\n" +
	"[SPED]\r\nSourcePath=C:\\TOTVS\\apo\\\r\nRpoDb =SQL\r\nPrepareIn=\r\n\r\n" +
	";[TSSOFFLINE]\r\n;TOKEN=0000000000000000000000000000000000000000\r\n\r\n" +
	"[TssOffLine] \r\n\tTSSOFFLINE=1\r\n\tONLINEURL=localhost\r\n\tONLINEPORT=8080\r\n\tToken = \r\n\r\n" +
	"[JOB_OFFLINE]\r\nmain=JOB_DLL\r\nenvironment=SPED\r\n\r\n[ONSTART]\r\nJOBS=JOB_OFFLINE\r\nrefreshrate=10"
