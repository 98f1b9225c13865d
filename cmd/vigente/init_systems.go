package main

import (
	"slices"
	"strings"

	"github.com/vigented/vigente/providers/oauth2"
)

// system is one backend that vigente init knows to ask about.
type system struct {
	name, title string
	kind        string // of the provider
	provider    string // names of the tables
	credential  string
	// fields are what its sinks show, the main one first.
	fields []string
	// section and keys are the usual ones of an INI or an environment file.
	section string
	keys    []string
	fixed   []string // lines of the provider that need no question
	asks    []setting
	login   bool // a person logs in once the daemon runs
}

// form is how the value of a setting is written.
type form int

const (
	asText     form = iota // a string
	asSecret               // a reference to a file that holds it
	asFile                 // the path of a file that is put there
	asSecrets              // so many references
	asOptional             // a string, or no line at all
)

// setting is one key of the configuration and the question for it. Nobody is
// asked for a secret, only told where to put it.
type setting struct {
	table    string // provider or credential
	key      string
	flag     string // empty for those that are not asked
	ask      string
	comment  string
	form     form
	fallback string // the answer when none is given
	example  string // a good answer, to check the others with
}

const (
	inProvider   = "provider"
	inCredential = "credential"
)

func initSystems() []system { return append(ownSystems(), presetSystems()...) }

// presetSystems are the services that are known by name: what a preset leaves
// to the configuration is asked.
func presetSystems() []system {
	list, err := oauth2.Presets()
	if err != nil {
		return nil // a test opens every one of them
	}
	systems := make([]system, 0, len(list))
	for _, p := range list {
		s := system{
			name: p.Name, title: p.Title, kind: "oauth2", provider: p.Name, credential: p.Name,
			fields: []string{"access_token"}, section: strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_")), keys: []string{"ACCESS_TOKEN"},
			fixed: []string{"preset = " + tomlText(p.Name)}, login: p.Login,
		}
		for _, need := range p.Needs {
			s.asks = append(s.asks, presetAsks(need)...)
		}
		systems = append(systems, s)
	}
	return systems
}

// presetAsks are the questions for one key that a preset leaves open.
func presetAsks(need string) []setting {
	switch need {
	case "token_url":
		return []setting{{table: inProvider, key: need, flag: "token-url", ask: "Address of the token endpoint, complete", example: "https://erp.example.com/rest/api/oauth2/v1/token"}}
	case "client_id":
		return []setting{{table: inProvider, key: need, flag: "client-id", ask: "Client id", example: "0f5b8a6e4c1d"}}
	case "scope":
		return []setting{{table: inCredential, key: need, flag: "scope", ask: "Scope, words separated by blanks", example: "cob.read"}}
	case "username":
		return []setting{{table: inCredential, key: need, flag: "username", ask: "Name to log in with", example: "integration"}}
	case "password":
		return []setting{{table: inCredential, key: need, form: asSecret}}
	case "tls.certificate":
		return []setting{{table: inProvider, key: "tls.certificate.file", form: asFile, example: "client.p12"}, {table: inProvider, key: "tls.certificate.password", form: asSecret}}
	}
	return []setting{{table: inProvider, key: need, form: asSecret}} // client_secret, or a header of the service
}

// ownSystems are the backends with a kind of their own.
func ownSystems() []system {
	return []system{
		{
			name: "tss", title: "TOTVS TSS, the token of TSS Offline", kind: "tss", provider: "tss", credential: "store",
			fields: []string{"token"}, section: "TSSOFFLINE", keys: []string{"TOKEN"},
			asks: []setting{
				{
					table: inProvider, key: "url", flag: "url", ask: `Address of RestNewToken, complete, without the "?"`,
					comment: `Complete, up to and without the "?".`, example: "https://tss.example.com/rest/RestNewToken",
				},
				{table: inCredential, key: "cnpj", flag: "cnpj", ask: "CNPJ or CPF of the store", comment: "Which store: with or without the mask.", example: "11.222.333/0001-81"},
				{table: inCredential, key: "ie", flag: "ie", ask: "Its state registration (IE), empty for none", form: asOptional, example: ""},
				{table: inCredential, key: "uf", flag: "uf", ask: "Its state (UF), two letters", example: "SP"},
			},
		},
		{
			name: "senhasegura", title: "senhasegura A2A with OAuth 2.0", kind: "senhasegura", provider: "senhasegura", credential: "vault",
			fields: []string{"access_token"}, section: "VAULT", keys: []string{"ACCESS_TOKEN"},
			asks: []setting{
				{table: inProvider, key: "url", flag: "url", ask: "Address of senhasegura", comment: "The base, without a path.", example: "https://vault.example.com"},
				{table: inProvider, key: "client_id", flag: "client-id", ask: "Client id of the authorization", example: "0f5b8a6e4c1d"},
				{table: inProvider, key: "client_secret", form: asSecret},
			},
		},
		{
			name: "senhasegura-oauth1", title: "senhasegura A2A with OAuth 1.0, signed on demand", kind: "senhasegura", provider: "senhasegura", credential: "vault",
			fields: []string{"consumer_key", "token_key"}, section: "VAULT", keys: []string{"CONSUMER_KEY", "TOKEN_KEY"},
			fixed: []string{`auth = "oauth1"`, "# A signed call every hour shows that the four values still work.", `max_age = "1h"`},
			asks: []setting{
				{table: inProvider, key: "url", flag: "url", ask: "Address of senhasegura", comment: "The base, without a path.", example: "https://vault.example.com"},
				{table: inProvider, key: "consumer_key", form: asSecret},
				{table: inProvider, key: "consumer_secret", form: asSecret},
				{table: inProvider, key: "token_key", form: asSecret},
				{table: inProvider, key: "token_secret", form: asSecret},
			},
		},
		{
			name: "arqged", title: "ArqGED of Arquivar", kind: "arqged", provider: "arqged", credential: "ged",
			fields: []string{"token"}, section: "ARQGED", keys: []string{"TOKEN"},
			asks: []setting{
				{
					table: inProvider, key: "url", flag: "url", ask: "Address of the API, with its prefix", comment: "The base with its prefix.",
					fallback: "https://api-rest.arquivar.com", example: "https://api-rest.arquivar.com",
				},
				{table: inProvider, key: "username", flag: "username", ask: "User of the integration", example: "integration"},
				{table: inProvider, key: "password", form: asSecret},
				{
					table: inProvider, key: "subscription_keys", flag: "subscription-keys", ask: "How many subscription keys of the developer portal (0, 1, 2)",
					form: asSecrets, comment: "The pair of the developer portal: with both, a key that is regenerated is no outage.", fallback: "0", example: "0",
				},
			},
		},
		{
			name: "integra-contador", title: "Serpro Integra Contador, the session pair", kind: "integra-contador", provider: "integra", credential: "session",
			fields: []string{"access_token", "jwt_token"}, section: "INTEGRA", keys: []string{"ACCESS_TOKEN", "JWT_TOKEN"},
			asks: []setting{
				{
					table: inProvider, key: "auth_url", flag: "auth-url", ask: "Address of /authenticate",
					fallback: "https://autenticacao.sapi.serpro.gov.br/authenticate", example: "https://autenticacao.sapi.serpro.gov.br/authenticate",
				},
				{
					table: inProvider, key: "api_url", flag: "api-url", ask: "Address of the API",
					fallback: "https://gateway.apiserpro.serpro.gov.br/integra-contador/v1", example: "https://gateway.apiserpro.serpro.gov.br/integra-contador/v1",
				},
				{
					table: inProvider, key: "contratante.numero", flag: "contratante", ask: "CNPJ of who bought the API",
					comment: "Who bought the API, with the e-CNPJ that it was bought with.", example: "11.222.333/0001-81",
				},
				{table: inProvider, key: "contratante.nome", flag: "contratante-name", ask: "Its name, as in the e-CNPJ", example: "ACME LTDA"},
				{table: inProvider, key: "certificate.file", form: asFile, example: "e-cnpj.p12"},
				{table: inProvider, key: "certificate.password", form: asSecret},
				{table: inProvider, key: "consumer_key", form: asSecret},
				{table: inProvider, key: "consumer_secret", form: asSecret},
			},
		},
	}
}

func systemNames() []string {
	var names []string
	for _, s := range initSystems() {
		names = append(names, s.name)
	}
	return names
}

func systemOf(name string) (system, bool) {
	all := initSystems()
	i := slices.IndexFunc(all, func(s system) bool { return s.name == name })
	if i < 0 {
		return system{}, false
	}
	return all[i], true
}

// sinkChoices are the kinds of sink to choose from.
var sinkChoices = []string{"file", "ini", "env", "none"}

// sinkAsks are the questions about a kind of sink.
func (s system) sinkAsks(kind string) []setting {
	const table = "sink"
	path := setting{table: table, key: "path", flag: "path", ask: "Path of the file", example: "/run/vigente/example"}
	first := setting{table: table, flag: "key", fallback: s.keys[0], example: s.keys[0]}
	switch kind {
	case "file":
		return []setting{path}
	case "ini":
		path.ask = "Path of the INI, which must be there"
		first.key, first.ask = "values", "Key for the "+strings.ReplaceAll(s.fields[0], "_", " ")
		return []setting{path, {table: table, key: "section", flag: "section", ask: "Section of the INI", fallback: s.section, example: s.section}, first}
	case "env":
		path.ask = "Path of the environment file"
		first.key, first.ask = "values", "Variable for the "+strings.ReplaceAll(s.fields[0], "_", " ")
		return []setting{path, first}
	}
	return nil
}
