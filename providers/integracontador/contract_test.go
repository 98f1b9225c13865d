package integracontador

import (
	"net/http"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/integracontador/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

func pairSuite(t testing.TB) providertest.Suite {
	return providertest.Suite{
		Kind: Kind(), Provider: testProvider, Files: files(t),
		Backend: func() http.Handler {
			set := settings()
			set.WithoutCertificate = true // the suite's network has no TLS
			return emulator.New(set, nil)
		},
		Answers: "testdata/login", Secrets: []string{testSecret},
	}
}

func TestPairKeepsTheContract(t *testing.T) { providertest.Run(t, pairSuite(t)) }

func TestProcuradorKeepsTheContract(t *testing.T) {
	const access, jwt = "05e658b6-212e-3f0e-b068-9d125a3ea479", "e30.e30.canary"
	s := pairSuite(t)
	s.Credential = testCredential
	s.Answers = "testdata/apoiar"
	s.Secrets = append(s.Secrets, access, jwt)
	s.Request = credential.Request{Inputs: map[string]credential.Credential{"sessao": {Values: map[string]credential.Secret{
		fieldAccessToken: credential.NewSecret(access), fieldJWT: credential.NewSecret(jwt), fieldAuthorization: credential.NewSecret("Bearer " + access),
	}}}}
	s.Backend = func() http.Handler {
		set := settings()
		set.NoEcho = true // a short answer, every prefix of which is tried
		service := emulator.New(set, nil)
		service.Admit(access, jwt, testContratante, time.Hour)
		return service
	}
	providertest.Run(t, s)
}
