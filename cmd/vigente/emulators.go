package main

import (
	"github.com/vigented/vigente/providers/kit"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// emulation is a backend that can be played: one line a kind.
type emulation struct {
	kind string
	make func() kit.Emulator
	// login tells what it accepts; there is nothing secret about it.
	login []string
}

const (
	emulatedClient = "0c2fc8a1b2c3d4e5f60718293a4b5c6d7e8f90012"
	emulatedSecret = "5f4dcc3b5aa765d61d8327deb882cf99" //nolint:gosec // of an emulator
)

func emulations() []emulation {
	return []emulation{
		{
			"senhasegura",
			func() kit.Emulator {
				return senhasegura.New(senhasegura.Settings{
					Applications: []senhasegura.Application{{ClientID: emulatedClient, ClientSecret: emulatedSecret}},
				}, nil)
			},
			[]string{"client_id      " + emulatedClient, "client_secret  " + emulatedSecret},
		},
		{
			"tss",
			func() kit.Emulator { return tss.New(tss.Options{}) },
			[]string{"url            BASE/rest/RestNewToken, for any cnpj, ie and uf"},
		},
	}
}
