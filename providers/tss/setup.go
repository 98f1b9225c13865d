package tss

import "github.com/vigented/vigente/providers"

// setups lists what vigente init asks for.
func setups() []providers.Setup {
	return []providers.Setup{
		{
			Name: "tss", Title: "TOTVS TSS, the token of TSS Offline", Provider: "tss", Credential: "store",
			Fields: []string{"token"}, Section: "TSSOFFLINE", Keys: []string{"TOKEN"},
			Questions: []providers.Question{
				{
					Key: "url", Flag: "url", Ask: `Address of RestNewToken, complete, without the "?"`,
					Comment: `Complete, up to and without the "?".`, Example: "https://tss.example.com/rest/RestNewToken",
				},
				{OfCredential: true, Key: "cnpj", Flag: "cnpj", Ask: "CNPJ or CPF of the store", Comment: "Which store: with or without the mask.", Example: "11.222.333/0001-81"},
				{OfCredential: true, Key: "ie", Flag: "ie", Ask: "Its state registration (IE), empty for none", Form: providers.Optional, Example: ""},
				{OfCredential: true, Key: "uf", Flag: "uf", Ask: "Its state (UF), two letters", Example: "SP"},
			},
		},
	}
}
