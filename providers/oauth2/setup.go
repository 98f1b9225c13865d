package oauth2

import (
	"strconv"
	"strings"

	"github.com/vigented/vigente/providers"
)

// setups lists the services known by name, with questions for what a preset
// leaves to the configuration.
func setups() []providers.Setup {
	list, err := Presets()
	if err != nil {
		return nil // a test opens all presets
	}
	all := make([]providers.Setup, 0, len(list))
	for _, p := range list {
		s := providers.Setup{
			Name: p.Name, Title: p.Title, Provider: p.Name, Credential: p.Name,
			Fields: []string{"access_token"}, Section: strings.ToUpper(strings.ReplaceAll(p.Name, "-", "_")), Keys: []string{"ACCESS_TOKEN"},
			Fixed: []string{"preset = " + strconv.Quote(p.Name)}, Login: p.Login,
		}
		for _, need := range p.Needs {
			s.Questions = append(s.Questions, questions(need)...)
		}
		all = append(all, s)
	}
	return all
}

// questions returns the questions for one key that a preset leaves open.
func questions(need string) []providers.Question {
	switch need {
	case "token_url":
		return []providers.Question{{Key: need, Flag: "token-url", Ask: "Address of the token endpoint, complete", Example: "https://erp.example.com/rest/api/oauth2/v1/token?grant_type=password"}}
	case "refresh_url":
		return []providers.Question{{Key: need, Flag: "refresh-url", Ask: "Address of the token endpoint for a renewal, complete", Example: "https://erp.example.com/rest/api/oauth2/v1/token?grant_type=refresh_token"}}
	case "client_id":
		return []providers.Question{{Key: need, Flag: "client-id", Ask: "Client id", Example: "0f5b8a6e4c1d"}}
	case "scope":
		return []providers.Question{{OfCredential: true, Key: need, Flag: "scope", Ask: "Scope, words separated by blanks", Example: "cob.read"}}
	case "username":
		return []providers.Question{{OfCredential: true, Key: need, Flag: "username", Ask: "Name to log in with", Example: "integration"}}
	case "password":
		return []providers.Question{{OfCredential: true, Key: need, Form: providers.Secret}}
	case "tls.certificate":
		return []providers.Question{{Key: "tls.certificate.file", Form: providers.File, Example: "client.p12"}, {Key: "tls.certificate.password", Form: providers.Secret}}
	}
	return []providers.Question{{Key: need, Form: providers.Secret}} // client_secret, or a header of the service
}
