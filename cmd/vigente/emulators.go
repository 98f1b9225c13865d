package main

import (
	"fmt"
	"strings"
	"time"

	arqged "github.com/vigented/vigente/providers/arqged/emulator"
	"github.com/vigented/vigente/providers/emulation"
	exec "github.com/vigented/vigente/providers/exec/emulator"
	http "github.com/vigented/vigente/providers/http/emulator"
	integracontador "github.com/vigented/vigente/providers/integracontador/emulator"
	oauth2 "github.com/vigented/vigente/providers/oauth2/emulator"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// emulated is a kind of backend that can be emulated.
type emulated struct {
	kind string
	make func() emulation.Emulator
	// login lists what it accepts; these values are not secret.
	login []string
}

const (
	emulatedClient   = "0c2fc8a1b2c3d4e5f60718293a4b5c6d7e8f90012"
	emulatedSecret   = "5f4dcc3b5aa765d61d8327deb882cf99" //nolint:gosec // of an emulator
	emulatedUser     = "integracao"
	emulatedConsumer = "000000000a1b2c3d4e5f60718293a4b5c6d7e8f90"
	emulatedToken    = "fffffffff0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	emulatedShop     = "loja-1"
	emulatedBuyer    = "djaR21PGoYp1iyK2n2ACOH9REdUb"
	emulatedKey1     = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
	emulatedKey2     = "f9e8d7c6b5a493827160f5e4d3c2b1a0"
)

func emulations() []emulated {
	return []emulated{
		{
			"arqged",
			func() emulation.Emulator {
				return arqged.New(arqged.Settings{
					Users: []arqged.User{{Name: emulatedUser, Password: emulatedSecret}},
					Keys:  []string{emulatedKey1, emulatedKey2},
				}, nil)
			},
			[]string{
				"username           " + emulatedUser, "password           " + emulatedSecret,
				"subscription_keys  " + emulatedKey1 + ", " + emulatedKey2,
			},
		},
		{
			"exec",
			func() emulation.Emulator { return exec.New(exec.Settings{Zone: time.Local}, nil) },
			[]string{
				`command        ["vigente", "emulate", "exec", "--print", "BASE/FORM"]`,
				"FORM           " + strings.Join(exec.Forms(), ", "),
			},
		},
		{
			"http",
			func() emulation.Emulator {
				return http.New(http.Settings{Users: []http.User{{Name: emulatedUser, Password: emulatedSecret}}}, nil)
			},
			append([]string{"url            BASE", "user           " + emulatedUser, "password       " + emulatedSecret}, loginForms()...),
		},
		{
			"integra-contador",
			func() emulation.Emulator {
				return integracontador.New(integracontador.Settings{
					Keys: []integracontador.Key{{ConsumerKey: emulatedBuyer, ConsumerSecret: emulatedSecret}},
				}, nil)
			},
			[]string{
				"auth_url         BASE/authenticate", "api_url          BASE/integra-contador/v1",
				"consumer_key     " + emulatedBuyer, "consumer_secret  " + emulatedSecret,
				"for any contratante, and any author whose certificate is not self-signed",
			},
		},
		{
			"oauth2",
			func() emulation.Emulator {
				return oauth2.New(oauth2.Settings{
					Clients: []oauth2.Client{{ID: emulatedShop, Secret: emulatedSecret}},
					Users:   []oauth2.User{{Name: emulatedUser, Password: emulatedSecret}},
				}, nil)
			},
			[]string{
				"token_url      BASE/token", "authorize_url  BASE/authorize", "device_url     BASE/device",
				"client_id      " + emulatedShop, "client_secret  " + emulatedSecret,
				"username       " + emulatedUser, "password       " + emulatedSecret,
			},
		},
		{
			"senhasegura",
			func() emulation.Emulator {
				return senhasegura.New(senhasegura.Settings{
					Applications: []senhasegura.Application{{
						ClientID: emulatedClient, ClientSecret: emulatedSecret,
						ConsumerKey: emulatedConsumer, ConsumerSecret: emulatedSecret, TokenKey: emulatedToken, TokenSecret: emulatedSecret,
					}},
				}, nil)
			},
			[]string{
				"client_id      " + emulatedClient, "client_secret  " + emulatedSecret,
				"with OAuth 1.0: consumer_key " + emulatedConsumer + ", token_key " + emulatedToken + ", the same secret for both",
			},
		},
		{
			"tss",
			func() emulation.Emulator { return tss.New(tss.Options{}) },
			[]string{"url            BASE/rest/RestNewToken, for any cnpj, ie and uf"},
		},
	}
}

// loginForms are the help lines about the logins that http emulates.
func loginForms() (lines []string) {
	for _, f := range http.Forms() {
		lines = append(lines, fmt.Sprintf("%-14s %s", f.Path, f.Help))
	}
	return lines
}
