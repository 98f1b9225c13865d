package tlsconf

import (
	"bytes"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/needs"
)

// stores creates PKCS#12 files as other programs write them, with one key, its
// certificate, and another certificate before it.
type stores struct {
	t       testing.TB
	dir     string
	openssl string
}

func newStores(t testing.TB) stores {
	t.Helper()
	s := stores{t, t.TempDir(), needs.Tool(t, "openssl")}
	s.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-subj", "/CN=ours", "-days", "300")
	s.run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "300")
	return s
}

func (s stores) run(args ...string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.openssl, args...)
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("openssl %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// made returns what a call of openssl writes.
func (s stores) made(args ...string) []byte {
	s.t.Helper()
	s.run(append(args, "-out", "made")...)
	data, err := os.ReadFile(filepath.Join(s.dir, "made"))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

func (s stores) export(more ...string) []byte {
	s.t.Helper()
	s.run(append([]string{"pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-certfile", "ca.pem", "-out", "out.p12", "-passout", "pass:senha"}, more...)...)
	data, err := os.ReadFile(filepath.Join(s.dir, "out.p12"))
	if err != nil {
		s.t.Fatal(err)
	}
	return data
}

// loosened converts a DER file to the loose forms of BER: indefinite lengths,
// and octet strings in pieces of 100 bytes.
func loosened(t testing.TB, der []byte) []byte {
	t.Helper()
	e, rest, err := parseBER(der, 0)
	if err != nil || len(rest) > 0 {
		t.Fatalf("parse the file from openssl: %v", err)
	}
	return loose(e)
}

func loose(e element) []byte {
	end := []byte{0, 0}
	switch {
	case e.tag&constructed != 0:
		out := []byte{e.tag, 0x80}
		for _, inner := range e.inner {
			out = append(out, loose(inner)...)
		}
		return append(out, end...)
	case (e.tag == octetString || e.tag == contextTag0) && len(e.content) > 100:
		out := []byte{e.tag | constructed, 0x80}
		for rest := e.content; len(rest) > 0; {
			n := min(100, len(rest))
			out, rest = append(out, encode(octetString, rest[:n])...), rest[n:]
		}
		return append(out, end...)
	}
	return e.der()
}

// TestPKCS12AsOthersWriteIt opens every form that openssl opens.
func TestPKCS12AsOthersWriteIt(t *testing.T) {
	s := newStores(t)
	modern := s.export()
	for name, data := range map[string][]byte{
		"modern":                   modern,
		"legacy":                   s.export("-legacy"),
		"BER":                      loosened(t, modern),
		"BER, legacy":              loosened(t, s.export("-legacy")),
		"without a check sum":      s.export("-nomac"),
		"check sum of SHA-1":       s.export("-macalg", "sha1"),
		"check sum of SHA-384":     s.export("-macalg", "sha384"),
		"check sum of SHA-512":     s.export("-macalg", "sha512"),
		"RC4":                      s.export("-legacy", "-keypbe", "PBE-SHA1-RC4-128", "-certpbe", "PBE-SHA1-RC4-128"),
		"RC4 of 40 bits":           s.export("-legacy", "-keypbe", "PBE-SHA1-RC4-40", "-certpbe", "PBE-SHA1-RC4-40"),
		"nothing encrypted":        s.export("-keypbe", "NONE", "-certpbe", "NONE"),
		"BER, check sum of SHA384": loosened(t, s.export("-macalg", "sha384")),
		"three parts":              threeParts(t, s.export("-certpbe", "NONE")),
	} {
		t.Run(name, func(t *testing.T) {
			cert, err := parseCertificate(data, credential.NewSecret("senha"))
			if err != nil {
				t.Fatal(err)
			}
			if got := cert.Leaf.Subject.CommonName; got != "ours" {
				t.Errorf("got the certificate of %q, want the one with the key", got)
			}
			if len(cert.Certificate) != 2 {
				t.Errorf("got %d certificates, want ours and the CA's", len(cert.Certificate))
			}
			if strings.Contains(name, "nothing encrypted") || strings.HasPrefix(name, "without") {
				return // only a MAC, or the padding, reveals a wrong password
			}
			_, err = parseCertificate(data, credential.NewSecret("other"))
			if err == nil || !strings.Contains(err.Error(), "does not open with this password") {
				t.Errorf("with a wrong password: got %v", err)
			}
		})
	}
}

// threeParts splits the unencrypted part into one per bag.
func threeParts(t testing.TB, der []byte) []byte {
	t.Helper()
	file, _, err := parseBER(der, 0)
	if err != nil {
		t.Fatal(err)
	}
	safes, _, err := parseBER(file.at(1, 1, 0).octets(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var parts []element
	for _, safe := range safes.inner {
		bags, _, err := parseBER(safe.at(1, 0).octets(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, bag := range bags.inner {
			content := element{tag: octetString, content: encode(sequence, bag.der())}
			parts = append(parts, element{tag: sequence, inner: []element{safe.at(0), {tag: 0xa0, inner: []element{content}}}})
		}
	}
	if len(parts) < 3 {
		t.Fatalf("got %d parts, want 3", len(parts))
	}
	content := encode(sequence, concat(parts))
	p := pfx{password: "senha"}
	return bytes.Clone(p.seal(content))
}

// TestPKCS12ThatStaysRefused: the message names what is not supported and shows
// the command that converts it.
func TestPKCS12ThatStaysRefused(t *testing.T) {
	der, _, err := parseBER(newStores(t).export(), 0)
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := marshalOID("1.2.3.4")
	if err != nil {
		t.Fatal(err)
	}
	der.inner[2].inner[0].inner[0].inner[0] = unknown
	_, err = parseCertificate(der.der(), credential.NewSecret("senha"))
	if err == nil || !strings.Contains(err.Error(), "checksum (MAC)") || !strings.Contains(err.Error(), "openssl pkcs12") {
		t.Errorf("got %v, want the unsupported algorithm and the command that converts the file", err)
	}
}

// TestWhatIsNoPKCS12IsCalledByItsName: a file of another kind is not called PKCS#12, and
// no text of a parser is shown.
func TestWhatIsNoPKCS12IsCalledByItsName(t *testing.T) {
	s := newStores(t)
	good := s.export()
	for name, tt := range map[string]struct {
		data []byte
		want string
	}{
		"a certificate":   {s.made("x509", "-in", "cert.pem", "-outform", "der"), "is a certificate without its private key"},
		"a key":           {s.made("pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "der"), "is a private key without its certificate"},
		"PKCS#7":          {s.made("crl2pkcs7", "-nocrl", "-certfile", "cert.pem", "-outform", "der"), "is PKCS#7"},
		"no key":          {s.made("pkcs12", "-export", "-nokeys", "-in", "cert.pem", "-passout", "pass:senha"), "without a private key (export"},
		"no certificate":  {s.made("pkcs12", "-export", "-nocerts", "-inkey", "key.pem", "-passout", "pass:senha"), "without a certificate (export"},
		"cut":             {good[:len(good)/2], "is cut off"},
		"base64":          {[]byte(base64.StdEncoding.EncodeToString(good) + "\n"), "is base64"},
		"another ASN.1":   {[]byte{0x30, 3, 2, 1, 3}, "is in a form of ASN.1 that is not PKCS#12"},
		"something else":  {[]byte("\xfe\xed\xfe\xed\x00\x00\x00\x02"), "is neither PKCS#12 nor PEM"},
		"nothing in it":   {[]byte{0x30, 0x80}, "is cut off"},
		"a damaged inner": {bytes.Replace(good, []byte{0x06, 0x09, 0x2a}, []byte{0x06, 0x79, 0x2a}, 1), "is"},
	} {
		_, err := parseCertificate(tt.data, credential.NewSecret("senha"))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "asn1") {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
	if _, err := parseCertificate(append(bytes.Clone(good), "\n\x00junk"...), credential.NewSecret("senha")); err != nil {
		t.Errorf("with something behind it: %v", err)
	}
}

func FuzzPKCS12(f *testing.F) {
	f.Add([]byte{0x30, 0x80, 0x02, 0x01, 0x03, 0x00, 0x00})
	f.Add([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x24, 0x80, 0x04, 0x01, 0x00, 0x00, 0x00})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, _, err := parseBER(data, 0)
		if err == nil {
			again, rest, err := parseBER(e.der(), 0)
			if err != nil || len(rest) > 0 || !bytes.Equal(again.der(), e.der()) {
				t.Errorf("re-encoding %x does not round-trip: %v", data, err)
			}
		}
		_, _ = parseCertificate(data, credential.NewSecret("senha"))
	})
}
