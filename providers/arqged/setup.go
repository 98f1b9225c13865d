package arqged

import "github.com/vigented/vigente/providers"

// setups lists what vigente init asks for.
func setups() []providers.Setup {
	return []providers.Setup{
		{
			Name: "arqged", Title: "ArqGED of Arquivar", Provider: "arqged", Credential: "ged",
			Fields: []string{"token"}, Section: "ARQGED", Keys: []string{"TOKEN"},
			Questions: []providers.Question{
				{
					Key: "url", Flag: "url", Ask: "Address of the API, with its prefix", Comment: "The base with its prefix.",
					Fallback: "https://api-rest.arquivar.com", Example: "https://api-rest.arquivar.com",
				},
				{Key: "username", Flag: "username", Ask: "User of the integration", Example: "integration"},
				{Key: "password", Form: providers.Secret},
				{
					Key: "subscription_keys", Flag: "subscription-keys", Ask: "How many subscription keys of the developer portal (0, 1, 2)",
					Form: providers.Secrets, Comment: "The pair of the developer portal: with both, a key that is regenerated is no outage.", Fallback: "0", Example: "0",
				},
			},
		},
	}
}
