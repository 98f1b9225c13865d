package arqged

import (
	"net/http"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/arqged/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

// The user of the tests.
const (
	testUser     = "integracao@cliente"
	testPassword = "S3nha!Forte ç"
	testKey1     = "11112222333344445555666677778888"
	testKey2     = "99990000aaaabbbbccccddddeeeeffff"
	testID       = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
)

// settings are those of a well-behaved emulated service.
func settings() emulator.Settings {
	return emulator.Settings{
		Users: []emulator.User{{Name: testUser, Password: testPassword, ID: testID}},
		Keys:  []string{testKey1, testKey2},
	}
}

func suite() providertest.Suite {
	return providertest.Suite{
		Kind: Kind(),
		Provider: `
			url = "https://arqged.example"
			username = "` + testUser + `"
			password = { file = "{dir}/password" }
			subscription_keys = [{ file = "{dir}/key1" }, { file = "{dir}/key2" }]
		`,
		Files:   map[string]string{"password": testPassword + "\n", "key1": testKey1 + "\n", "key2": testKey2},
		Backend: func() http.Handler { return emulator.New(settings(), nil) },
		Answers: "testdata/answers",
		Secrets: []string{testPassword, testKey1, testKey2},
		OneShot: true,
	}
}

func TestLoginKeepsTheContract(t *testing.T) {
	providertest.Run(t, suite())
}

// TestRefreshKeepsTheContract starts with a credential whose refresh token the backend
// knows.
func TestRefreshKeepsTheContract(t *testing.T) {
	s := suite()
	s.Answers = "testdata/refresh-answers"
	s.Request.Previous = previous("3fa85f64-refresh-000001")
	s.Secrets = append(s.Secrets, "3fa85f64-refresh-000001")
	s.Backend = func() http.Handler {
		e := emulator.New(settings(), nil)
		if status := login(t, e); status != http.StatusCreated {
			t.Fatalf("log in at the emulator: got %d, want %d", status, http.StatusCreated)
		}
		return e
	}
	providertest.Run(t, s)
}

// previous is a credential with a refresh token.
func previous(refreshToken string) credential.Credential {
	return credential.Credential{
		Generation: 1,
		Values: map[string]credential.Secret{
			fieldToken: credential.NewSecret("old"), fieldAuthorization: credential.NewSecret("Bearer old"),
			fieldUserID: credential.NewSecret(testID), fieldLogin: credential.NewSecret(testUser),
		},
		Seed: map[string]credential.Secret{seedToken: credential.NewSecret(refreshToken), seedUserID: credential.NewSecret(testID)},
	}
}
