package integracontador

import (
	"bytes"
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/needs"
	"github.com/vigented/vigente/providers/integracontador/internal/termo"
)

// forgeries are changes of one byte each; verification must detect all of them.
var forgeries = map[string][2]string{
	"last day":  {`<vigencia data="2`, `<vigencia data="3`},
	"role":      {`papel="autor pedido de dados"`, `papel="autor pedido dE dados"`},
	"text":      {"Autorizo a empresa", "Autorizo A empresa"},
	"algorithm": {`<Reference URI="">`, `<Reference URI=" ">`},
	"digest":    {"<DigestValue>", "<DigestValue>A"},
	"signature": {"<SignatureValue>", "<SignatureValue>A"},
}

// documents writes signed Termos and their forgeries, and returns the names of
// both.
func documents(t *testing.T) (genuine, forged []string) {
	t.Helper()
	dir := t.TempDir()
	all := ids()
	for name, author := range map[string]termo.Party{
		"plain":   {Number: testAuthor, Name: "FULANO DE TAL"},
		"awkward": {Number: testCompany, Name: "D'ÁVILA & \"FILHOS\" <LTDA> 中 😀\u200b"},
	} {
		d := termo.Termo{SignedOn: "20260310", LastDay: "20270310", Recipient: termo.Party{Number: testContratante, Name: "A & B"}, Author: author}
		file, err := d.Sign(all.author.Key, all.author.Certificate.Raw)
		if err != nil {
			t.Fatal(err)
		}
		write := func(name string, data []byte) string {
			name = filepath.Join(dir, name+".xml")
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return name
		}
		genuine = append(genuine, write(name, file))
		for what, change := range forgeries {
			other := bytes.Replace(file, []byte(change[0]), []byte(change[1]), 1)
			if bytes.Equal(other, file) {
				t.Fatalf("%s: nothing to change", what)
			}
			forged = append(forged, write(name+" "+what, other))
		}
	}
	return genuine, forged
}

// TestXMLSecVerifies verifies the signatures with the C library.
func TestXMLSecVerifies(t *testing.T) {
	xmlsec := needs.Tool(t, "xmlsec1")
	root := filepath.Join(t.TempDir(), "root.pem")
	if err := os.WriteFile(root, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ids().authority.Certificate.Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	verify := func(file string) ([]byte, error) {
		return exec.CommandContext(t.Context(), xmlsec, "--verify", "--trusted-pem", root, file).CombinedOutput()
	}
	genuine, forged := documents(t)
	for _, file := range genuine {
		if out, err := verify(file); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(file), err, out)
		}
	}
	for _, file := range forged {
		if _, err := verify(file); err == nil {
			t.Errorf("%s: a forgery was taken", filepath.Base(file))
		}
	}
}

// TestJavaVerifies verifies the signatures with javax.xml.crypto.
func TestJavaVerifies(t *testing.T) {
	java := needs.Tool(t, "java")
	needs.Tool(t, "javac") // a single-file program needs the compiler
	genuine, forged := documents(t)
	out, err := exec.CommandContext(t.Context(), java, append([]string{"testdata/Verify.java"}, append(genuine, forged...)...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("java: %v\n%s", err, out)
	}
	results := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(results) != len(genuine)+len(forged) {
		t.Fatalf("%d results on %d files:\n%s", len(results), len(genuine)+len(forged), out)
	}
	for i, file := range append(genuine, forged...) {
		if (results[i] == "valid") != (i < len(genuine)) {
			t.Errorf("%s: %s", filepath.Base(file), results[i])
		}
	}
}
