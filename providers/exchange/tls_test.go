package exchange_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/certtest"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/tlsconf"
)

// pair is a certificate with its private key.
type pair struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func pairOf(c *tls.Certificate) pair { return pair{c.Leaf, c.PrivateKey.(crypto.Signer)} }

func (p pair) tls() tls.Certificate { return *p.both() }

func (p pair) both() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{p.cert.Raw}, PrivateKey: p.key, Leaf: p.cert}
}

func (p pair) pem() []byte { return certtest.CertificatePEM(p.both()) }

func (p pair) keyPEM(t testing.TB) []byte { return certtest.KeyPEM(t, p.both()) }

func (p pair) pin() [32]byte { return sha256.Sum256(p.cert.RawSubjectPublicKeyInfo) }

// issue creates a certificate; it is self-signed if by is nil.
func issue(t testing.TB, by *pair, change func(*x509.Certificate)) pair {
	t.Helper()
	template := &x509.Certificate{
		Subject:               pkix.Name{CommonName: "CANARY"},
		NotAfter:              time.Now().Add(100 * 24 * time.Hour),
		DNSNames:              []string{"tss.example"},
		IsCA:                  by == nil,
		BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	if by == nil {
		return pairOf(certtest.Issue(t, template, nil))
	}
	return pairOf(certtest.Issue(t, template, by.both()))
}

// issueRSA creates a certificate with an RSA key.
func issueRSA(t testing.TB, by *pair) pair {
	t.Helper()
	return pairOf(certtest.IssueRSA(t, &x509.Certificate{Subject: pkix.Name{CommonName: "CANARY"}, DNSNames: []string{"tss.example"}}, by.both()))
}

// write writes a file into a temporary folder and returns its path.
func write(t testing.TB, name string, parts ...[]byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, bytes.Join(parts, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// readTLS reads a tls table and returns its faults and warnings.
func readTLS(t testing.TB, text string) (cfg *tls.Config, faults, warnings []string) {
	t.Helper()
	s, err := section.Parse("providers.x", text)
	if err != nil {
		t.Fatal(err)
	}
	cfg, _ = tlsconf.ReadTLS(s, "tss.example", providers.Env{Warn: func(m string) { warnings = append(warnings, m) }})
	for _, f := range s.Finish() {
		faults = append(faults, f.Key+": "+f.Message)
	}
	return cfg, faults, warnings
}

// tlsServer serves TLS on a loopback socket.
func tlsServer(t testing.TB, cfg *tls.Config) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }))
	s.TLS = cfg
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// call makes one exchange with a server using a tls table. Every host name
// leads to the server.
func call(t testing.TB, server *httptest.Server, url, table string) error {
	t.Helper()
	cfg, faults, _ := readTLS(t, table)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	env := providers.Env{Transport: func(o providers.TransportOptions) http.RoundTripper {
		rt := &http.Transport{TLSClientConfig: o.TLS, DisableKeepAlives: true}
		rt.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
		}
		return rt
	}}
	_, err := exchange.NewClient(env, exchange.ClientOptions{TLS: cfg}).Do(t.Context(), get(t, url))
	return err
}

func TestTLS(t *testing.T) {
	ca, otherCA := issue(t, nil, nil), issue(t, nil, nil)
	leaf := issue(t, &ca, nil)
	rsaLeaf := issueRSA(t, &ca)
	expired := issue(t, &ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	early := issue(t, &ca, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })
	notServer := issue(t, &ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} })
	oldStyle := issue(t, &ca, func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = nil, nil; c.Subject.CommonName = "tss.example" })
	client := issue(t, &ca, nil)
	caFile := `ca_file = "` + write(t, "ca.pem", ca.pem()) + `"`
	otherCAFile := `ca_file = "` + write(t, "other.pem", otherCA.pem()) + `"`
	clientFile := `certificate = { file = "` + write(t, "client.pem", client.pem(), client.keyPEM(t)) + `" }`
	pin, otherPin := leaf.pin(), otherCA.pin()
	pinned := func(p [32]byte) string { return `pin_sha256 = "` + hex.EncodeToString(p[:]) + `"` }
	clientCAs, otherCAs := x509.NewCertPool(), x509.NewCertPool()
	clientCAs.AddCert(ca.cert)
	otherCAs.AddCert(otherCA.cert)
	show := func(p pair) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{p.tls()}} }
	chain := show(leaf)
	chain.Certificates[0].Certificate = append(chain.Certificates[0].Certificate, ca.cert.Raw)
	with := func(c *tls.Config, change func(*tls.Config)) *tls.Config { change(c); return c }
	for _, c := range []struct {
		name   string
		server *tls.Config
		url    string
		table  string
		words  string // of the fault; empty for success
	}{
		{"authority", show(leaf), "https://tss.example/", caFile, ""},
		{"system authorities", show(leaf), "https://tss.example/", "", "authority unknown to this machine"},
		{"another authority", show(leaf), "https://tss.example/", otherCAFile, "tls.ca_file"},
		{"another name", show(leaf), "https://10.1.2.3/", caFile, "tls.server_name"},
		{"only a Common Name", show(oldStyle), "https://tss.example/", caFile, "Subject Alternative Name; until then set tls.pin_sha256, in place of ca_file, to sha256//"},
		{"name given", show(leaf), "https://10.1.2.3/", caFile + "\n" + `server_name = "tss.example"`, ""},
		{"wrong name given", show(leaf), "https://tss.example/", caFile + "\n" + `server_name = "a.example"`, "tls.server_name"},
		{"no forward secrecy", with(show(rsaLeaf), func(c *tls.Config) {
			c.MaxVersion, c.CipherSuites = tls.VersionTLS12, []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}
		}), "https://tss.example/", caFile, "GODEBUG=tlsrsakex=1"},
		{"old protocol only", with(show(leaf), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), "https://tss.example/", caFile, "must offer TLS 1.2"},
		{"expired", show(expired), "https://tss.example/", caFile, "expired"},
		{"not valid yet", show(early), "https://tss.example/", caFile, "expired or is not valid yet"},
		{"not for servers", show(notServer), "https://tss.example/", caFile, "not valid for a server"},
		{"pin alone", show(leaf), "https://10.1.2.3/", pinned(pin), ""},
		{"pin of the leaf in a chain", chain, "https://10.1.2.3/", pinned(pin), ""},
		{"pin of the authority in a chain", chain, "https://10.1.2.3/", pinned(ca.pin()), "not the one in tls.pin_sha256"},
		{"pin alone, expired", show(expired), "https://10.1.2.3/", pinned(expired.pin()), ""},
		{"wrong pin", show(leaf), "https://tss.example/", pinned(otherPin), "not the one in tls.pin_sha256"},
		{"pin and authority", show(leaf), "https://tss.example/", caFile + "\n" + pinned(pin), ""},
		{"pin and wrong authority", show(leaf), "https://tss.example/", otherCAFile + "\n" + pinned(pin), "authority unknown to this machine"},
		{"wrong pin and authority", show(leaf), "https://tss.example/", caFile + "\n" + pinned(otherPin), "not the one in tls.pin_sha256"},
		{"pin, authority and another name", show(leaf), "https://a.example/", caFile + "\n" + pinned(pin), "tls.server_name"},
		{"insecure", show(leaf), "https://a.example/", "insecure_skip_verify = true", ""},
		{"insecure with a pin still checks it", show(leaf), "https://a.example/", "insecure_skip_verify = true\n" + pinned(otherPin), "not the one in tls.pin_sha256"},
		{"client certificate", with(show(leaf), func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, clientCAs }), "https://tss.example/", caFile + "\n" + clientFile, ""},
		{"client certificate although the server names other authorities", with(show(leaf), func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAnyClientCert, otherCAs }), "https://tss.example/", caFile + "\n" + clientFile, ""},
		{"client certificate missing", with(show(leaf), func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, clientCAs }), "https://tss.example/", caFile, "tls.certificate"},
		{"client certificate missing, TLS 1.2", with(show(leaf), func(c *tls.Config) { c.ClientAuth, c.MaxVersion = tls.RequireAnyClientCert, tls.VersionTLS12 }), "https://tss.example/", caFile, "tls.certificate"},
		{"client certificate unknown there", with(show(leaf), func(c *tls.Config) { c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, otherCAs }), "https://tss.example/", caFile + "\n" + clientFile, "refused our certificate"},
		{"old TLS", with(show(leaf), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), "https://tss.example/", caFile, "TLS 1.2"},
		{"name not served", with(show(leaf), func(c *tls.Config) {
			c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New("no") }
		}), "https://tss.example/", caFile, "refused the TLS connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := call(t, tlsServer(t, c.server), c.url, "[tls]\n"+c.table)
			if c.words == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			f := fault(t, nil, err)
			if f.Reason != credential.ReasonTLS || f.Lost || !strings.Contains(f.Message, c.words) {
				t.Errorf("got %q, Lost %v: %s; want tls, Lost false, %q", f.Reason, f.Lost, f.Message, c.words)
			}
			if strings.Contains(f.Message, "CANARY") {
				t.Errorf("the message quotes the certificate: %s", f.Message)
			}
		})
	}
}

// TestUnknownAuthorityShowsThePin: the message contains the value to configure.
func TestUnknownAuthorityShowsThePin(t *testing.T) {
	leaf := issue(t, nil, nil)
	err := call(t, tlsServer(t, &tls.Config{Certificates: []tls.Certificate{leaf.tls()}}), "https://tss.example/", "")
	pin := leaf.pin()
	want := "sha256//" + base64.StdEncoding.EncodeToString(pin[:])
	if f := fault(t, nil, err); !strings.Contains(f.Message, want) {
		t.Errorf("got message %q, want it to contain %s", f.Message, want)
	}
	if err := call(t, tlsServer(t, &tls.Config{Certificates: []tls.Certificate{leaf.tls()}}), "https://tss.example/", `tls = { pin_sha256 = "`+want+`" }`); err != nil {
		t.Error(err)
	}
}

func TestTLSToSomethingElse(t *testing.T) {
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	if f := fault(t, nil, call(t, plain, "https://tss.example/", "")); f.Reason != credential.ReasonTLS || f.Lost || !strings.Contains(f.Message, "plain http") {
		t.Errorf("got %+v", f)
	}
	for greeting, want := range map[string]credential.Reason{
		"220 mail.example ESMTP CANARY\r\n": credential.ReasonTLS,
		"":                                  credential.ReasonNetwork,
	} {
		c := clientOf(&http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			go func() {
				_, _ = theirs.Read(make([]byte, 4096))
				_, _ = io.WriteString(theirs, greeting)
				theirs.Close()
			}()
			return ours, nil
		}}, exchange.ClientOptions{})
		a, err := c.Do(t.Context(), get(t, "https://tss.example/"))
		if f := fault(t, a, err); f.Reason != want || f.Lost {
			t.Errorf("%q: got %+v", greeting, f)
		}
	}
}

// TestSmallRSAKey uses crypto/rsa's own error, as TLS passes it on.
func TestSmallRSAKey(t *testing.T) {
	small := &rsa.PublicKey{N: new(big.Int).SetBit(big.NewInt(1), 511, 1), E: 65537}
	sum := sha256.Sum256(nil)
	cause := rsa.VerifyPKCS1v15(small, crypto.SHA256, sum[:], make([]byte, 64))
	if cause == nil {
		t.Fatal("crypto/rsa accepts a 512-bit key")
	}
	c := clientOf(transport(func(*http.Request) (*http.Response, error) {
		return nil, errors.Join(errors.New("tls: invalid signature by the server certificate"), cause)
	}), exchange.ClientOptions{})
	a, err := c.Do(t.Context(), get(t, "https://tss.example/"))
	if f := fault(t, a, err); f.Reason != credential.ReasonTLS || !strings.Contains(f.Message, "GODEBUG=rsa1024min=0") {
		t.Errorf("got %+v", f)
	}
}

func TestReadTLS(t *testing.T) {
	leaf := issue(t, nil, nil)
	other := issue(t, nil, nil)
	sum := leaf.pin()
	p12 := func(e *pkcs12.Encoder, key any, password string) string {
		data, err := e.Encode(key, leaf.cert, []*x509.Certificate{other.cert}, password)
		if err != nil {
			t.Fatal(err)
		}
		return write(t, "client.p12", data)
	}
	password := write(t, "password", []byte("pass word\n"))
	certificate := func(file, password string) string {
		if password != "" {
			password = `, password = { file = "` + password + `" }`
		}
		return `tls = { certificate = { file = "` + file + `"` + password + ` } }`
	}
	legacyPEM := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte("x")})
	for _, c := range []struct {
		name, text string
		none       bool   // no TLS settings at all
		fault      string // empty for success
		chain      int    // length of the client's chain
	}{
		{"absent", ``, true, "", 0},
		{"the template of the manual", `tls = { ca_file = "", server_name = "", pin_sha256 = "", insecure_skip_verify = false, certificate = { file = "" } }`, true, "", 0},
		{"pin in hex", `tls = { pin_sha256 = "` + hex.EncodeToString(sum[:]) + `" }`, false, "", 0},
		{"pin in upper hex with colons", `tls = { pin_sha256 = "` + colons(sum[:]) + `" }`, false, "", 0},
		{"pin in base64", `tls = { pin_sha256 = "` + base64.StdEncoding.EncodeToString(sum[:]) + `" }`, false, "", 0},
		{"pin in base64 without padding", `tls = { pin_sha256 = "` + base64.RawStdEncoding.EncodeToString(sum[:]) + `" }`, false, "", 0},
		{"pin as curl writes it", `tls = { pin_sha256 = "sha256//` + base64.StdEncoding.EncodeToString(sum[:]) + `" }`, false, "", 0},
		{"pin too short", `tls = { pin_sha256 = "abcd" }`, false, "providers.x.tls.pin_sha256: is not a SHA-256", 0},
		{"pin of another hash", `tls = { pin_sha256 = "` + strings.Repeat("a", 40) + `" }`, false, "is not a SHA-256", 0},
		{"several pins", `tls = { pin_sha256 = "sha256//a;sha256//b" }`, false, "is not a SHA-256", 0},
		{"authorities", `tls = { ca_file = "` + write(t, "ca.pem", []byte("comment\n"), leaf.keyPEM(t), leaf.pem(), other.pem()) + `" }`, false, "", 0},
		{"no authority in the file", `tls = { ca_file = "` + write(t, "ca.pem", leaf.keyPEM(t)) + `" }`, false, "providers.x.tls.ca_file: contains no certificate", 0},
		{"DER in place of PEM", `tls = { ca_file = "` + write(t, "ca.pem", leaf.cert.Raw) + `" }`, false, "contains no certificate", 0},
		{"broken authority", `tls = { ca_file = "` + write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})) + `" }`, false, "cannot be read", 0},
		{"no such authority", `tls = { ca_file = "/nonexistent/ca.pem" }`, false, "providers.x.tls.ca_file: file", 0},
		{"unknown key", `tls = { cafile = "x" }`, true, "providers.x.tls.cafile: unknown key", 0},
		{"PEM pair", certificate(write(t, "c.pem", leaf.pem(), leaf.keyPEM(t)), ""), false, "", 1},
		{"PEM pair, key first", certificate(write(t, "c.pem", leaf.keyPEM(t), leaf.pem(), other.pem()), ""), false, "", 2},
		{"PEM without key", certificate(write(t, "c.pem", leaf.pem()), ""), false, "providers.x.tls.certificate.file: contains no certificate with its own private key", 0},
		{"PEM with another key", certificate(write(t, "c.pem", leaf.pem(), other.keyPEM(t)), ""), false, "contains no certificate with its own private key", 0},
		{"PEM with an encrypted key", certificate(write(t, "c.pem", leaf.pem(), legacyPEM), password), false, "encrypted PEM key", 0},
		{"PKCS#12, RC2", certificate(p12(pkcs12.LegacyRC2, leaf.key, "pass word"), password), false, "", 2},
		{"PKCS#12, triple DES", certificate(p12(pkcs12.LegacyDES, leaf.key, "pass word"), password), false, "", 2},
		{"PKCS#12, AES", certificate(p12(pkcs12.Modern2023, leaf.key, "pass word"), password), false, "", 2},
		{"PKCS#12, empty password", certificate(p12(pkcs12.Modern2023, leaf.key, ""), ""), false, "", 2},
		{"PKCS#12, no password given", certificate(p12(pkcs12.LegacyDES, leaf.key, "pass word"), ""), false, "needs a password", 0},
		{"PKCS#12, wrong password", certificate(p12(pkcs12.Modern2023, leaf.key, "password"), password), false, "does not open with this password", 0},
		{"PKCS#12, another key", certificate(p12(pkcs12.Modern2023, issue(t, nil, nil).key, "pass word"), password), false, "does not match its certificate", 0},
		{"neither", certificate(write(t, "c", []byte("hello")), ""), false, "neither PKCS#12 nor PEM", 0},
		{"no such file", certificate("/nonexistent/c.p12", ""), false, "providers.x.tls.certificate.file: file", 0},
		{"password alone", `tls = { certificate = { password = { file = "` + password + `" } } }`, true, "providers.x.tls.certificate.file: is missing", 0},
		{"password in clear", `tls = { certificate = { file = "/x", password = "CANARY" } }`, false, "is a plain string", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, faults, warnings := readTLS(t, c.text)
			if (cfg == nil) != c.none {
				t.Errorf("got settings %v", cfg)
			}
			if cfg != nil && cfg.MinVersion != tls.VersionTLS12 {
				t.Errorf("got MinVersion %x, want TLS 1.2", cfg.MinVersion)
			}
			all := strings.Join(faults, "\n")
			if c.fault == "" && all != "" || !strings.Contains(all, c.fault) || strings.Contains(all, "CANARY") {
				t.Errorf("got faults %q, want %q", all, c.fault)
			}
			if len(warnings) > 0 {
				t.Errorf("got warnings %q, want none", warnings)
			}
			if c.chain == 0 {
				return
			}
			shown, err := cfg.GetClientCertificate(&tls.CertificateRequestInfo{})
			if err != nil || len(shown.Certificate) != c.chain || !shown.Leaf.Equal(leaf.cert) {
				t.Errorf("got certificate %v, %v", shown, err)
			}
		})
	}
}

func TestInsecureSkipVerifyWarns(t *testing.T) {
	cfg, faults, warnings := readTLS(t, `tls = { insecure_skip_verify = true }`)
	if !cfg.InsecureSkipVerify || len(faults) > 0 {
		t.Errorf("got InsecureSkipVerify %v, faults %v", cfg.InsecureSkipVerify, faults)
	}
	if len(warnings) != 1 || !strings.Contains(warnings[0], "providers.x") || !strings.Contains(warnings[0], "tss.example") {
		t.Errorf("got warnings %q, want one that names provider and host", warnings)
	}
}

func colons(sum []byte) string {
	var parts []string
	for _, b := range sum {
		parts = append(parts, strings.ToUpper(hex.EncodeToString([]byte{b})))
	}
	return strings.Join(parts, ":")
}
