package senhasegura

import (
	"os/exec"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/needs"
)

// fosite starts an OAuth 2.0 server with Ory's library, an independent implementation.
func fosite(t testing.TB) (address string) {
	t.Helper()
	return needs.Peer(t, exec.Command(needs.Program(t, "testdata/fosite")))
}

func TestOAuth2AgainstFosite(t *testing.T) {
	const (
		plainID, plainSecret = "3ca8a98d907543812334f7f5dbafca6505e3319fb", "00112233445566778899aabbccddeeff"
		oddSecret            = "s3cr+et:x =%/&ok"
		rfc6749, inBody      = `basic_encoding = "rfc6749"`, `auth_style = "body"`
	)
	address := fosite(t)
	tests := []peerCase{
		{"basic raw", plainID, plainSecret, "", "", ""},
		{"basic rfc6749", plainID, plainSecret, rfc6749, "", ""},
		{"scope", plainID, plainSecret, "", `scope = "leitura"`, ""},
		{"odd characters, rfc6749", "awkward:id +%", oddSecret, rfc6749, "", ""},
		{"odd characters, body", "body id +%", oddSecret, inBody, "", ""},
		{"beyond ASCII, rfc6749", "beyond ASCII", "ação€", rfc6749, "", ""},
		{"plus sign, rfc6749", "plus", "a+b", rfc6749, "", ""},
		{"plus sign, raw", "plus", "a+b", "", "", credential.ReasonRejected},
		{"percent sign, rfc6749", "percent", "50%25", rfc6749, "", ""},
		{"percent sign, raw", "percent", "50%25", "", "", credential.ReasonRejected},
		{"wrong secret", plainID, "wrong", "", "", credential.ReasonRejected},
		{"wrong secret, rfc6749", "awkward:id +%", "wrong", rfc6749, "", credential.ReasonRejected},
		{"wrong secret in the body", "body id +%", "wrong", inBody, "", credential.ReasonRejected},
		{"unknown id", "nobody", "x", "", "", credential.ReasonRejected},
		{"body for a client of Basic", plainID, plainSecret, inBody, "", credential.ReasonRejected},
		{"Basic for a client of the body", "body id +%", oddSecret, rfc6749, "", credential.ReasonRejected},
		{"client of another grant", "other grant", "a-b", "", "", credential.ReasonRejected},
		{"scope that is not allowed", plainID, plainSecret, "", `scope = "escrita"`, credential.ReasonInvalidRequest},
		{"wrong path", plainID, plainSecret, `token_path = "/nowhere"`, "", credential.ReasonInvalidRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			life, token := tt.obtain(t, address)
			if tt.want != "" {
				return
			}
			// The server truncates the remaining lifetime to whole seconds on its own
			// clock, so one second less is usual, and more on a slow machine.
			if life > 77*time.Second || life < 70*time.Second {
				t.Errorf("life %v, want the 77s that the server was set to or a little less", life)
			}
			// Its introspection accepts only Basic, whatever the token endpoint accepts.
			if !activeAt(t, address, "", tt.id, tt.secret, token) {
				t.Error("the server does not know the token")
			}
			if activeAt(t, address, "", tt.id, tt.secret, token+"x") {
				t.Error("the server knows a token that it never gave")
			}
		})
	}
}
