package oauth2

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/needs"
	"github.com/vigented/vigente/providers"
)

// peer runs another project's server.
func peer(t testing.TB, server *exec.Cmd, dir string) *stage {
	t.Helper()
	return &stage{url: needs.Peer(t, server), dir: dir}
}

// rotates renews twice with the refresh token that a login brought. Each must work
// once, and one that is sent again must end its whole family.
func rotates(t *testing.T, b providers.Binding, first credential.Credential) {
	t.Helper()
	second := obtain(t, b, credential.Request{Previous: first})
	third := obtain(t, b, credential.Request{Previous: second})
	if seedOf(second).Equal(seedOf(first)) || seedOf(third).Equal(seedOf(second)) {
		t.Error("the server kept a refresh token")
	}
	if f := refused(t, b, credential.Request{Previous: first}); f.Reason != credential.ReasonRejected || !f.SeedSpent {
		t.Errorf("a spent refresh token: %s, spent %v", f.Reason, f.SeedSpent)
	}
	if f := refused(t, b, credential.Request{Previous: third}); f.Code != "invalid_grant" {
		t.Errorf("the family lives on after a spent refresh token was shown: %s", f.Code)
	}
}

// TestDeviceFlowAgainstOidcProvider logs in by device and renews with single-use
// refresh tokens, at another project's server.
func TestDeviceFlowAgainstOidcProvider(t *testing.T) {
	const folder = "../senhasegura/testdata/oidc-provider"
	node := needs.Tool(t, "node")
	if _, err := os.Stat(folder + "/node_modules/oidc-provider"); err != nil {
		needs.Missing(t, "npm oidc-provider (npm install --prefix providers/senhasegura/testdata/oidc-provider)")
	}
	server := exec.Command(node, "server.js")
	server.Dir = folder
	s := peer(t, server, t.TempDir())
	s.write(t, "secret", []byte("s3cr+et:x =%/&ok"))
	_, _, anybody := pair(t, "ec")
	s.write(t, "ca.pem", anybody)
	b := s.open(t, "token_url = \"{url}/token\"\ndevice_url = \"{url}/device/auth\"\nclient_id = \"kiosk\"\nclient_secret = { file = \"{dir}/secret\" }\n",
		"grant = \"refresh_token\"\nscope = \"openid leitura offline_access\"\n")
	a := b.Source.(credential.Authorizer)
	at := time.Now()
	in, err := a.Invite(t.Context(), at, "")
	if err != nil {
		t.Fatal(err)
	}
	if in.UserCode == "" || !strings.HasPrefix(in.Address, s.url+"/") || in.Interval <= 0 || in.EndsAt.Sub(at) != 10*time.Minute {
		t.Errorf("the invitation is %+v", in)
	}
	if _, pending, _, err := a.Poll(t.Context(), at, in); !pending || err != nil {
		t.Fatalf("before the person typed the code: pending %t, %v", pending, err)
	}
	resp, err := http.Post(s.url+"/person?user_code="+url.QueryEscape(in.UserCode), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		t.Fatalf("polling while the person decides: got %d, want %d", resp.StatusCode, http.StatusNoContent)
	}
	first, pending, _, err := a.Poll(t.Context(), at, in)
	if err != nil || pending {
		t.Fatalf("after the person typed the code: pending %t, %v", pending, err)
	}
	if life := first.ExpiresAt.Sub(at); life != 78*time.Second || first.Values["id_token"].IsZero() {
		t.Errorf("a life of %v with %d values", life, len(first.Values))
	}
	rotates(t, b, first)
	if _, pending, _, err := a.Poll(t.Context(), at, in); pending || credential.AsFault(err).Reason != credential.ReasonRejected {
		t.Errorf("a device code that was used is answered with pending %t, %v", pending, err)
	}
}
