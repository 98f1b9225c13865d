package integracontador

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/needs"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/integracontador/emulator"
)

const p12Password = "senha ção"

// secure starts a service over real TLS that requests a certificate without
// requiring it, as the real one does.
func secure(t testing.TB) (*emulator.Server, string, string) {
	t.Helper()
	service := emulator.New(settings(), nil)
	server := httptest.NewUnstartedServer(service)
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return service, server.URL, ca
}

// loginWith makes a login over real TLS with the keys for certificates.
func loginWith(t testing.TB, base, ca, certificate string) (credential.Credential, providers.Binding, error) {
	t.Helper()
	env := providers.Env{Warn: func(string) {}, Transport: func(opt providers.TransportOptions) http.RoundTripper {
		transport := &http.Transport{TLSClientConfig: opt.TLS}
		t.Cleanup(transport.CloseIdleConnections)
		return transport
	}}
	provider := `
		auth_url = "` + base + `/authenticate"
		api_url = "` + base + `/integra-contador/v1"
		consumer_key = "` + testKey + `"
		consumer_secret = { file = "{dir}/secret" }
		contratante = { numero = "` + testContratante + `", nome = "X" }
		tls = { ca_file = "` + ca + `" }
		certificate = ` + certificate
	pair, author := bind(t, env, provider, "", testCredential)
	got, err := pair.Source.Refresh(t.Context(), credential.Request{At: time.Now()})
	return got, author, err
}

// stores writes PKCS#12 files as various programs write them.
func stores(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	id := ids().contratante
	chain := []*x509.Certificate{ids().authority.Certificate}
	files := map[string]string{}
	for name, encoder := range map[string]*pkcs12.Encoder{"go legacy RC2": pkcs12.LegacyRC2, "go legacy DES": pkcs12.LegacyDES, "go modern": pkcs12.Modern2023} {
		data, err := encoder.Encode(id.Key, id.Certificate, chain, p12Password)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = filepath.Join(dir, name+".p12")
		if err := os.WriteFile(files[name], data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "password"), []byte(p12Password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return files
}

func TestPKCS12OfGo(t *testing.T) { loginWithEach(t, stores(t)) }

func loginWithEach(t *testing.T, files map[string]string) {
	t.Helper()
	service, base, ca := secure(t)
	for name, file := range files {
		got, author, err := loginWith(t, base, ca, `{ file = "`+file+`", password = { file = "`+filepath.Dir(file)+`/password" } }`)
		if err != nil || got.Values[fieldJWT].IsZero() {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// The same connection settings reach the gateway.
		if _, err := author.Source.Refresh(t.Context(), credential.Request{At: time.Now(), Inputs: map[string]credential.Credential{"sessao": got}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if c := service.Counts(); c.Logins != len(files) {
		t.Errorf("counts %+v for %d files", c, len(files))
	}
}

func TestPKCS12OfOpenSSL(t *testing.T) {
	openssl := needs.Tool(t, "openssl")
	loginWithEach(t, opensslStores(t, openssl))
}

func opensslStores(t *testing.T, openssl string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "source.pem")
	for name, text := range map[string]string{source: pemOf(t, ids().contratante), filepath.Join(dir, "password"): "canary-1\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	files := map[string]string{}
	for name, more := range map[string][]string{
		"openssl modern":      nil,
		"openssl legacy":      {"-legacy"}, // RC2-40 and 3DES
		"openssl 3DES":        {"-certpbe", "PBE-SHA1-3DES", "-keypbe", "PBE-SHA1-3DES", "-macalg", "sha1"},
		"openssl no mac salt": {"-iter", "1"},
	} {
		file := filepath.Join(dir, name+".p12")
		args := append([]string{"pkcs12", "-export", "-in", source, "-out", file, "-passout", "pass:canary-1", "-name", "e-CNPJ"}, more...)
		if out, err := exec.CommandContext(t.Context(), openssl, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		files[name] = file
	}
	return files
}

func TestPKCS12OfJava(t *testing.T) {
	keytool := needs.Tool(t, "keytool")
	source := opensslStores(t, needs.Tool(t, "openssl"))["openssl modern"]
	files := map[string]string{}
	for name, more := range map[string][]string{"java": nil, "java legacy": {"-J-Dkeystore.pkcs12.legacy"}} {
		file := filepath.Join(filepath.Dir(source), name+".p12")
		args := append([]string{
			"-importkeystore", "-noprompt", "-srckeystore", source, "-srcstoretype", "PKCS12", "-srcstorepass", "canary-1",
			"-destkeystore", file, "-deststoretype", "PKCS12", "-deststorepass", "canary-1",
		}, more...)
		if out, err := exec.CommandContext(t.Context(), keytool, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		files[name] = file
	}
	loginWithEach(t, files)
}

// TestLoginWithoutACertificate is a login whose certificate was lost on the way.
func TestLoginWithoutACertificate(t *testing.T) {
	_, base, _ := secure(t)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/authenticate", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != 400 {
		t.Errorf("%d %s", resp.StatusCode, body)
	}
	f := classifyLogin(&exchange.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body})
	wantFault(t, f, credential.ReasonRejected, "e-CNPJ")
}
