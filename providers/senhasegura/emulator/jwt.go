package emulator

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// accessToken makes an access token in the form of the vendor's sample: JWT, RS256,
// claims aud, jti, iat, nbf, exp, sub and scopes.
func accessToken(s *emulation.Signer, clientID string, now time.Time, life time.Duration) string {
	random := make([]byte, 40)
	_, _ = rand.Read(random) // never fails since Go 1.24
	jti := hex.EncodeToString(random)
	return s.Sign(map[string]any{"jti": jti}, map[string]any{
		"aud": clientID, "jti": jti, "iat": now.Unix(), "nbf": now.Unix(), "exp": now.Add(life).Unix(),
		"sub": base64.StdEncoding.EncodeToString(random[:12]), "scopes": []string{},
	})
}
