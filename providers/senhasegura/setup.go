package senhasegura

import "github.com/vigented/vigente/providers"

// setups lists what vigente init asks for.
func setups() []providers.Setup {
	return []providers.Setup{
		{
			Name: "senhasegura", Title: "senhasegura A2A with OAuth 2.0", Provider: "senhasegura", Credential: "vault",
			Fields: []string{"access_token"}, Section: "VAULT", Keys: []string{"ACCESS_TOKEN"},
			Questions: []providers.Question{
				{Key: "url", Flag: "url", Ask: "Address of senhasegura", Comment: "The base, without a path.", Example: "https://vault.example.com"},
				{Key: "client_id", Flag: "client-id", Ask: "Client id of the authorization", Example: "0f5b8a6e4c1d"},
				{Key: "client_secret", Form: providers.Secret},
			},
		},
		{
			Name: "senhasegura-oauth1", Title: "senhasegura A2A with OAuth 1.0, signed on demand", Provider: "senhasegura", Credential: "vault",
			Fields: []string{"consumer_key", "token_key"}, Section: "VAULT", Keys: []string{"CONSUMER_KEY", "TOKEN_KEY"},
			Fixed: []string{`auth = "oauth1"`, "# A signed call every hour shows that the four values still work.", `max_age = "1h"`},
			Questions: []providers.Question{
				{Key: "url", Flag: "url", Ask: "Address of senhasegura", Comment: "The base, without a path.", Example: "https://vault.example.com"},
				{Key: "consumer_key", Form: providers.Secret},
				{Key: "consumer_secret", Form: providers.Secret},
				{Key: "token_key", Form: providers.Secret},
				{Key: "token_secret", Form: providers.Secret},
			},
		},
	}
}
