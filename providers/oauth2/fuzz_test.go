package oauth2

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/providertest"
	"github.com/vigented/vigente/providers/tlsconf"
	"github.com/vigented/vigente/providers/tokens"
)

// FuzzTokenAnswer feeds any answer of a token endpoint to every operation.
func FuzzTokenAnswer(f *testing.F) {
	files, err := filepath.Glob("testdata/*answers/*.http")
	if err != nil || len(files) == 0 {
		f.Fatal("no recorded answers")
	}
	for _, file := range files {
		a := providertest.Recorded(f, file, time.Time{})
		f.Add(a.Status, a.Header.Get("Content-Type"), a.Body)
	}
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := &tokens.Endpoint{Auth: tokens.Basic, Names: map[string]string{"access_token": "accessToken"}}
	s := &source{provider: &provider{endpoint: e, rotation: rotationStrict}, name: "c", grant: grantRefresh}
	f.Fuzz(func(t *testing.T, status int, contentType string, body []byte) {
		a := &exchange.Answer{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: body, ReceivedAt: at}
		for _, op := range []operation{asking, loggingIn, refreshing, exchanging} {
			fault := s.classify(a, e, op)
			if fault == nil {
				var g tokens.Grant
				if g, fault = e.Read(a, at); fault == nil {
					checkGrant(t, s.keep(g, credential.Request{At: at}), at)
					continue
				}
			}
			if !slices.Contains(credential.Reasons[:], fault.Reason) || fault.Message == "" || strings.ContainsAny(fault.Message, "\r\n") {
				t.Errorf("fault %+v", fault)
			}
			if strings.Contains(fault.Message+fault.Code, "CANARY") {
				t.Errorf("the message repeats the body: %q %q", fault.Code, fault.Message)
			}
			if fault.Reason.Parks() && (a.HTML() || status == http.StatusTooManyRequests) {
				t.Errorf("parked by status %d, page %v", status, a.HTML())
			}
		}
	})
}

func checkGrant(t *testing.T, c credential.Credential, at time.Time) {
	t.Helper()
	token := c.Values["access_token"].Reveal()
	if token == "" || !exchange.HeaderText(token) || c.Values["authorization"].Reveal() != "Bearer "+token {
		t.Errorf("token %q, authorization %q", token, c.Values["authorization"].Reveal())
	}
	if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(at) {
		t.Errorf("a token that is over: %v", c.ExpiresAt)
	}
	for name, v := range c.Values {
		if v.IsZero() || !exchange.PlainText(v.Reveal()) {
			t.Errorf("%s is %q", name, v.Reveal())
		}
	}
}

// FuzzAssertionKey reads any file as a signing key, and signs with it.
func FuzzAssertionKey(f *testing.F) {
	for _, kind := range []string{"rsa", "ec"} {
		_, _, text := pair(f, kind)
		f.Add(text, "RS256")
		f.Add(text, "ES256")
	}
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"), "RS256")
	f.Add([]byte{0x30, 0x80}, "RS256")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte, alg string) {
		file := filepath.Join(dir, "key")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := section.Parse("providers.p", "key = { file = \""+file+"\" }")
		if err != nil {
			t.Fatal(err)
		}
		key, _ := tlsconf.ReadKey(s.Table("key"), providers.Env{Warn: func(string) {}})
		if key == nil {
			if len(s.Faults()) == 0 {
				t.Error("neither a key nor a fault")
			}
			return
		}
		for _, own := range fitting(key) {
			if own != alg {
				continue
			}
			text, err := (&signer{method: jwt.GetSigningMethod(alg), key: key.Signer, lifetime: defaultLifetime}).client("id", time.Unix(1e9, 0))
			if err != nil || strings.Count(text.Reveal(), ".") != 2 {
				t.Errorf("%s: %q, %v", alg, text.Reveal(), err)
			}
		}
	})
}
