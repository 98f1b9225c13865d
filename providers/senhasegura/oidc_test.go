package senhasegura

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/needs"
)

// oidcProvider starts an OAuth 2.0 server that shares nothing with this
// repository and follows RFC 6749 strictly. "npm install" in its folder puts it
// there.
func oidcProvider(t testing.TB) (address string) {
	t.Helper()
	const folder = "testdata/oidc-provider"
	node := needs.Tool(t, "node")
	if _, err := os.Stat(folder + "/node_modules/oidc-provider"); err != nil {
		needs.Missing(t, "npm oidc-provider (npm install --prefix providers/senhasegura/"+folder+")")
	}
	server := exec.Command(node, "server.js")
	server.Dir = folder
	return needs.Peer(t, server)
}

func TestOAuth2AgainstOidcProvider(t *testing.T) {
	const (
		plainID, plainSecret = "3ca8a98d907543812334f7f5dbafca6505e3319fb", "00112233445566778899aabbccddeeff"
		oddSecret            = "s3cr+et:x =%/&ok"
	)
	address := oidcProvider(t)
	tests := []peerCase{
		{"basic raw", plainID, plainSecret, "", "", ""},
		{"basic rfc6749", plainID, plainSecret, `basic_encoding = "rfc6749"`, "", ""},
		{"scope", plainID, plainSecret, "", `scope = "leitura"`, ""},
		{"odd characters, rfc6749", "awkward:id +%", oddSecret, `basic_encoding = "rfc6749"`, "", ""},
		{"odd characters, body", "body id +%", oddSecret, `auth_style = "body"`, "", ""},
		{"wrong secret", plainID, "wrong", "", "", credential.ReasonRejected},
		{"wrong secret in the body", "body id +%", "wrong", `auth_style = "body"`, "", credential.ReasonRejected},
		{"unknown id", "nobody", "x", "", "", credential.ReasonRejected},
		{"plus sign, rfc6749", "plus", "a+b", `basic_encoding = "rfc6749"`, "", ""},
		{"plus sign, raw", "plus", "a+b", "", "", credential.ReasonRejected},
		{"scope that is not allowed", plainID, plainSecret, "", `scope = "escrita"`, credential.ReasonInvalidRequest},
		{"wrong path", plainID, plainSecret, `token_path = "/nowhere"`, "", credential.ReasonInvalidRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			life, token := tt.obtain(t, address)
			if tt.want != "" {
				return
			}
			if life != 77*time.Second {
				t.Errorf("life %v, want what the server was set to", life)
			}
			if !activeAt(t, address, tt.more, tt.id, tt.secret, token) {
				t.Error("the server does not know the token")
			}
		})
	}
}
