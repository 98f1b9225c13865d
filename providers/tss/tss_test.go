package tss

import (
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/providers/providertest"
	"github.com/vigented/vigente/providers/tss/emulator"
)

var acme = emulator.Identity{CNPJ: "53113791000122", IE: "111010945111", UF: "SP"}

const credentialText = `
cnpj       = "53.113.791/0001-22"
tipopessoa = 2
ie         = "111010945111"
uf         = "sp"
`

// suite is the kind with a login, so that there is a secret to betray.
func suite() providertest.Suite {
	return providertest.Suite{
		Kind: Kind(),
		Provider: `
url      = "https://tss.example:8080/rest/RestNewToken"
username = "CANARY-user"
password = { file = "{dir}/password" }
`,
		Credential: credentialText,
		Files:      map[string]string{"password": "CANARY-p4ss+word/=\n"},
		Secrets:    []string{"CANARY-user", "CANARY-p4ss+word/="},
		Backend: func() http.Handler {
			return emulator.New(emulator.Options{Username: "CANARY-user", Password: "CANARY-p4ss+word/="})
		},
		Answers: "testdata/answers",
		OneShot: true,
	}
}

func TestContract(t *testing.T) { providertest.Run(t, suite()) }

// TestContractReading holds the reading of a lost answer to the same rules.
func TestContractReading(t *testing.T) {
	s := suite()
	s.Provider += `read_url = "https://tss.example:8080/rest/RestGetToken"`
	s.Request = credential.Request{Lost: true}
	s.Answers = "testdata/reading"
	s.Backend = func() http.Handler {
		e := emulator.New(emulator.Options{Username: "CANARY-user", Password: "CANARY-p4ss+word/="})
		e.Renew(acme)
		return e
	}
	providertest.Run(t, s)
}

// play runs f in a bubble with an emulator and a credential bound to it.
func play(t *testing.T, readURL bool, f func(*emulator.Emulator, credential.Provider)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		e := emulator.New(emulator.Options{})
		n := providertest.Serve(t, e)
		s := providertest.Suite{Kind: Kind(), Provider: `url = "http://tss.example:8080/rest/RestNewToken"`, Credential: credentialText}
		if readURL {
			s.Provider += "\n" + `read_url = "http://tss.example:8080/rest/RestGetToken"`
		}
		f(e, s.Open(t, n.Env()).Source)
	})
}

func fault(t testing.TB, err error) *credential.Fault {
	t.Helper()
	if err == nil {
		t.Fatal("success, expected a fault")
	}
	return credential.AsFault(err)
}

func set(t testing.TB, e *emulator.Emulator, name string, times int) {
	t.Helper()
	if err := e.SetFault(name, times); err != nil {
		t.Fatal(err)
	}
}
