package integracontador

import "github.com/vigented/vigente/providers"

// setups lists what vigente init asks for.
func setups() []providers.Setup {
	return []providers.Setup{
		{
			Name: "integra-contador", Title: "Serpro Integra Contador, the session pair", Provider: "integra", Credential: "session",
			Fields: []string{"access_token", "jwt_token"}, Section: "INTEGRA", Keys: []string{"ACCESS_TOKEN", "JWT_TOKEN"},
			Questions: []providers.Question{
				{
					Key: "auth_url", Flag: "auth-url", Ask: "Address of /authenticate",
					Fallback: "https://autenticacao.sapi.serpro.gov.br/authenticate", Example: "https://autenticacao.sapi.serpro.gov.br/authenticate",
				},
				{
					Key: "api_url", Flag: "api-url", Ask: "Address of the API",
					Fallback: "https://gateway.apiserpro.serpro.gov.br/integra-contador/v1", Example: "https://gateway.apiserpro.serpro.gov.br/integra-contador/v1",
				},
				{
					Key: "contratante.numero", Flag: "contratante", Ask: "CNPJ of who bought the API",
					Comment: "Who bought the API, with the e-CNPJ that it was bought with.", Example: "11.222.333/0001-81",
				},
				{Key: "contratante.nome", Flag: "contratante-name", Ask: "Its name, as in the e-CNPJ", Example: "ACME LTDA"},
				{Key: "certificate.file", Form: providers.File, Example: "e-cnpj.p12"},
				{Key: "certificate.password", Form: providers.Secret},
				{Key: "consumer_key", Form: providers.Secret},
				{Key: "consumer_secret", Form: providers.Secret},
			},
		},
	}
}
