package senhasegura

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/senhasegura/emulator"
)

// appliance serves an emulated vault over TLS with a certificate of a shape.
type appliance struct {
	*emulator.Server
	url   string
	id    emulator.Identity
	pin   [sha256.Size]byte
	roots string // file
}

func newAppliance(t testing.TB, shape emulator.Shape) *appliance {
	t.Helper()
	id, err := emulator.Certificate(shape, "127.0.0.1", "vault.example")
	if err != nil {
		t.Fatal(err)
	}
	v := emulator.New(emulator.Settings{Applications: []emulator.Application{{ClientID: testID, ClientSecret: testSecret}}}, nil)
	server := httptest.NewUnstartedServer(v)
	server.TLS = &tls.Config{
		Certificates: []tls.Certificate{id.Certificate}, MaxVersion: id.MaxVersion(), ClientAuth: tls.RequestClientCert,
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes are meant to fail
	server.StartTLS()
	t.Cleanup(server.Close)
	leaf, err := x509.ParseCertificate(id.Certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	roots := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(roots, id.RootPEM, 0o600); err != nil {
		t.Fatal(err)
	}
	return &appliance{v, server.URL, id, sha256.Sum256(leaf.RawSubjectPublicKeyInfo), roots}
}

// call makes one attempt over a real connection.
func (a *appliance) call(t testing.TB, settings string) error {
	t.Helper()
	env := providers.Env{
		Warn: func(string) {},
		Transport: func(opt providers.TransportOptions) http.RoundTripper {
			transport := &http.Transport{TLSClientConfig: opt.TLS, DisableKeepAlives: true}
			t.Cleanup(transport.CloseIdleConnections)
			return transport
		},
	}
	t.Setenv("TEST_SECRET", testSecret)
	b := openBinding(t, env, "url = \""+a.url+"\"\nclient_id = \""+testID+"\"\nclient_secret = { env = \"TEST_SECRET\" }\n"+settings, "")
	_, err := b.Source.Refresh(t.Context(), credential.Request{At: time.Now()})
	return err
}

func TestTrustByConfiguration(t *testing.T) {
	ca := func(a *appliance) string { return `tls = { ca_file = "` + a.roots + `" }` }
	pin := func(a *appliance) string { return `tls = { pin_sha256 = "` + hex.EncodeToString(a.pin[:]) + `" }` }
	curlPin := func(a *appliance) string {
		return `tls = { pin_sha256 = "sha256//` + base64.StdEncoding.EncodeToString(a.pin[:]) + `" }`
	}
	wrongPin := func(*appliance) string { return `tls = { pin_sha256 = "` + strings.Repeat("00", 32) + `" }` }
	nothing := func(*appliance) string { return "" }
	insecure := func(*appliance) string { return `tls = { insecure_skip_verify = true }` }
	named := func(a *appliance) string {
		return `tls = { ca_file = "` + a.roots + `", server_name = "vault.invalid" }`
	}
	tests := []struct {
		name     string
		shape    emulator.Shape
		settings func(*appliance) string
		want     string // in the fault; empty for success
	}{
		{"authority", emulator.Sound, ca, ""},
		{"authority not told", emulator.Sound, nothing, "tls.ca_file"},
		{"self-signed and told", emulator.SelfSigned, ca, ""},
		{"self-signed and pinned", emulator.SelfSigned, pin, ""},
		{"self-signed and pinned as curl does", emulator.SelfSigned, curlPin, ""},
		{"another pin", emulator.SelfSigned, wrongPin, "pin_sha256"},
		{"self-signed", emulator.SelfSigned, nothing, "sha256//"},
		{"self-signed and insecure", emulator.SelfSigned, insecure, ""},
		{"expired", emulator.Outdated, ca, "expired"},
		{"expired and pinned", emulator.Outdated, pin, ""},
		{"not yet valid", emulator.TooEarly, ca, "clock"},
		{"wrong name", emulator.WrongName, ca, "server_name"},
		{"wrong name and told", emulator.WrongName, named, ""},
		{"1024 bits", emulator.RSA1024, ca, ""},
		{"512 bits", emulator.RSA512, ca, "1024 bits"},
		{"512 bits and pinned", emulator.RSA512, pin, "1024 bits"},
		{"512 bits and insecure", emulator.RSA512, insecure, "1024 bits"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := newAppliance(t, tt.shape)
			err := a.call(t, tt.settings(a))
			if tt.want == "" {
				if err != nil {
					t.Errorf("%v, want success", err)
				}
				return
			}
			if err == nil || credential.AsFault(err).Reason != credential.ReasonTLS || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want a tls fault with %q", err, tt.want)
			}
			if a.Counts().Requests > 0 {
				t.Error("a request was sent to a server that is not trusted")
			}
		})
	}
}

func TestClientCertificate(t *testing.T) {
	a := newAppliance(t, emulator.Sound)
	a.Configure(func(s *emulator.Settings) { s.RequireClientCertificate = true })
	ca := `ca_file = "` + a.roots + `"`
	if err := a.call(t, "tls = { "+ca+" }"); err == nil || credential.AsFault(err).Reason != credential.ReasonInvalidRequest {
		t.Errorf("without a certificate: %v", err)
	}
	dir := t.TempDir()
	leaf, err := x509.ParseCertificate(a.id.Certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	p12, err := pkcs12.Modern.Encode(a.id.Certificate.PrivateKey.(*ecdsa.PrivateKey), leaf, nil, "canary")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"client.p12": p12, "password": []byte("canary\n")} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with := `, certificate = { file = "` + dir + `/client.p12", password = { file = "` + dir + `/password" } }`
	if err := a.call(t, "tls = { "+ca+with+" }"); err != nil {
		t.Errorf("with a certificate: %v", err)
	}
}
