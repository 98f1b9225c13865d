package section

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/readfile"
)

const canary = "hunter2-canary"

// workspace writes the files of a test to a folder, and parses a section there.
func workspace(t testing.TB, text string, opt ReaderOptions, files map[string]string) *Section {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if opt.Getenv == nil {
		opt.Getenv = func(string) string { return "" }
	}
	root, faults := ParseFile(filepath.Join(dir, "c.toml"), []byte("[p]\n"+text), NewReader(opt))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	return root.Object("p")
}

// relative returns the faults without the path of the section's folder.
func relative(s *Section) []Fault {
	faults := s.Finish()
	for i := range faults {
		faults[i].Message = strings.ReplaceAll(faults[i].Message, s.folder, "DIR")
	}
	return faults
}

func TestSecretsComeFromTheirPlace(t *testing.T) {
	env := func(name string) string {
		return map[string]string{"PW": "from env\n", "CREDENTIALS_DIRECTORY": "/run/creds"}[name]
	}
	read := func(path string) ([]byte, error) {
		switch filepath.Base(path) {
		case "lf":
			return []byte("one\n"), nil
		case "crlf":
			return []byte("one\r\n"), nil
		case "two":
			return []byte("one\n\n"), nil
		case "cr":
			return []byte("one\r"), nil
		case "db":
			if path != "/run/creds/db" {
				t.Errorf("credential looked for at %s", path)
			}
			return []byte("from systemd\n"), nil
		}
		return nil, fs.ErrNotExist
	}
	for text, want := range map[string]string{
		`{ file = "lf" }`:        "one",
		`{ file = "/abs/crlf" }`: "one",
		`{ file = "two" }`:       "one\n",
		`{ file = "cr" }`:        "one\r",
		`{ env = "PW" }`:         "from env\n",
		`{ credential = "db" }`:  "from systemd",
	} {
		s := workspace(t, "k = "+text, ReaderOptions{Getenv: env, ReadFile: read}, nil)
		if got := s.Secret("k").Reveal(); got != want {
			t.Errorf("%s gave %q, want %q", text, got, want)
		}
		expect(t, s.Finish())
	}
}

func TestRawSecretKeepsTheNewline(t *testing.T) {
	s := workspace(t, `k = { file = "raw" }`, ReaderOptions{}, map[string]string{"raw": "bytes\r\n"})
	if got := s.RawSecret("k").Reveal(); got != "bytes\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestSecretFaultsNameTheCure(t *testing.T) {
	const form = `(expected a reference to the secret: write { file = "…" }, { env = "…" } or { credential = "…" })`
	for _, c := range []struct{ text, want string }{
		{`"` + canary + `"`, `2: p.k: is a plain string ` + form},
		{`12345`, `2: p.k: is an integer ` + form},
		{`{}`, `2: p.k: is empty ` + form},
		{`{ path = "x" }`, `2: p.k.path: unknown key ` + form},
		{`{ file = "x", env = "y" }`, `2: p.k: names more than one place (expected one of file, env, credential)`},
		{`{ file = 1 }`, `2: p.k.file: is an integer (expected a string in quotes)`},
		{`{ file = " " }`, `2: p.k.file: is empty (expected where the secret is)`},
		{`{ file = "gone" }`, `2: p.k.file: file "DIR/gone" does not exist (expected a readable file: create it or correct the path)`},
		{`{ file = "empty" }`, `2: p.k.file: file "DIR/empty" is empty (expected the secret in it)`},
		{`{ file = "newline" }`, `2: p.k.file: file "DIR/newline" is empty (expected the secret in it)`},
		{`{ file = "." }`, `2: p.k.file: "DIR" is a folder (expected a file)`},
		{`{ file = "/dev/zero" }`, `2: p.k.file: "/dev/zero" is a device, a pipe or a socket (expected a regular file)`},
		{`{ file = "big" }`, `2: p.k.file: file "DIR/big" is larger than 1 MiB (expected a file of at most 1 MiB)`},
		{`{ file = "a\u0000b" }`, `2: p.k.file: holds a zero byte (expected a path)`},
		{`{ env = "NOPE" }`, `2: p.k.env: environment variable "NOPE" is not set or empty (expected the secret: set it where vigente is started)`},
		{`{ credential = "../x" }`, `2: p.k.credential: is not a valid name of a credential (expected the name given to LoadCredential=; the secret itself does not belong here)`},
		{`{ credential = ".." }`, `2: p.k.credential: is not a valid name of a credential (expected the name given to LoadCredential=; the secret itself does not belong here)`},
		{`{ env = "s3cret!" }`, `2: p.k.env: is not a valid name of an environment variable (expected letters, digits and _; the secret itself does not belong here)`},
		{`{ credential = "x" }`, `2: p.k.credential: $CREDENTIALS_DIRECTORY is not set, so there is no credential "x" (expected a start by systemd with LoadCredential=x:…)`},
	} {
		t.Run(strings.ReplaceAll(c.text, canary, "plain"), func(t *testing.T) {
			s := workspace(t, "k = "+c.text, ReaderOptions{}, map[string]string{
				"empty": "", "newline": "\r\n", "big": strings.Repeat("x", maxFile+1),
			})
			got := s.RequiredSecret("k")
			faults := relative(s)
			if s.Failed() {
				if !got.IsZero() {
					t.Errorf("got a secret of %d bytes after a fault, want none", len(got.Reveal()))
				}
			} else if !faults[0].Missing() || !s.Unread("k") || got.Reveal() != unreadText {
				t.Errorf("got %q for a secret that is missing, want a stand-in", got.Reveal())
			}
			expect(t, faults, c.want)
			if strings.Contains(fmt.Sprint(faults), canary) {
				t.Error("the plain secret is in a fault")
			}
		})
	}
	s := workspace(t, "", ReaderOptions{}, nil)
	s.RequiredSecret("k")
	expect(t, s.Finish(), `1: p.k: is missing `+form)
}

func TestUnreadableFilesSayWhy(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, fmt.Sprintf(`file "x" may not be read by uid %d (expected a readable file: change its owner, group or mode, or hand it over with { credential = "…" })`, os.Geteuid())},
		{&fs.PathError{Op: "read", Path: "x", Err: syscall.EIO}, `file "x": input/output error (expected a readable file)`},
		{readfile.ErrTooLarge, `file "x" is larger than 1 MiB (expected a file of at most 1 MiB)`},
	} {
		if got := unreadable("x", c.err); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// TestReaderTellsTheVersionsThatItRead: a file that was read has a version, one that could
// not be read has the zero version.
func TestReaderTellsTheVersionsThatItRead(t *testing.T) {
	s := workspace(t, "a = { file = \"f\" }\nb = { file = \"gone\" }\n", ReaderOptions{}, map[string]string{"f": "kept"})
	s.Secret("a")
	s.Secret("b")
	var found, missing bool
	for path, v := range s.reader.Versions() {
		switch filepath.Base(path) {
		case "f":
			id, err := readfile.Look(path)
			found = err == nil && v == readfile.Version{Identity: id, Sum: readfile.VersionOf([]byte("kept")).Sum, Read: true}
		case "gone":
			missing = v == readfile.Version{}
		}
	}
	if !found || !missing {
		t.Errorf("versions %+v", s.reader.Versions())
	}
}

func TestTextOrSecretTakesBothForms(t *testing.T) {
	s := workspace(t, "a = \"plain\"\nb = { file = \"f\" }\nc = 3\nd = \"\"\n", ReaderOptions{}, map[string]string{"f": "kept\n"})
	got := []string{s.TextOrSecret("a").Reveal(), s.TextOrSecret("b").Reveal(), s.TextOrSecret("c").Reveal(), s.TextOrSecret("d").Reveal(), s.TextOrSecret("e").Reveal()}
	if want := []string{"plain", "kept", "", "", ""}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	expect(t, s.Finish(), `4: p.c: is an integer (expected a string in quotes or a reference: write { file = "…" }, { env = "…" } or { credential = "…" })`)
}

func TestSecretsReadsAnArray(t *testing.T) {
	s := workspace(t, "k = [\n  { file = \"a\" },\n  \""+canary+"\",\n  { file = \"b\" },\n]\nl = {}\n", ReaderOptions{}, map[string]string{"a": "1", "b": "2"})
	var got []string
	for _, v := range s.Secrets("k") {
		got = append(got, v.Reveal())
	}
	if want := []string{"1", "2"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s.Secrets("l") != nil || s.Secrets("m") != nil {
		t.Error("got secrets for an absent key, want nil")
	}
	expect(t, s.Finish(),
		`4: p.k: is a plain string (expected a reference to the secret: write { file = "…" }, { env = "…" } or { credential = "…" })`,
		`7: p.l: is a table (expected an array of references such as [{ file = "…" }])`)
}

func TestCredentialsOutsideTheUnit(t *testing.T) {
	s := workspace(t, "k = { credential = \"x\" }\nf = { file = \"f\" }\n", ReaderOptions{CredentialsMissingOK: true}, map[string]string{"f": "v"})
	if s.RequiredSecret("k").IsZero() {
		t.Error("the stand-in for an unread secret is empty")
	}
	if s.Secret("f"); !s.Unread("k") || s.Unread("f") {
		t.Error("got the wrong keys from Unread, want only k")
	}
	expect(t, s.Finish())
}

func TestFileReadsAndRemembers(t *testing.T) {
	s := workspace(t, "ca = \"ca.pem\"\nblank = \"blank\"\ngone = \"gone\"\nnone = \"\"\npw = { file = \"pw\" }\nagain = { file = \"pw\" }\n", ReaderOptions{},
		map[string]string{"ca.pem": "CERT\n", "blank": " \n", "pw": "x"})
	if got := string(s.File("ca")); got != "CERT\n" {
		t.Errorf("read %q", got)
	}
	for _, key := range []string{"blank", "gone", "none", "absent"} {
		if s.File(key) != nil {
			t.Errorf("%s has content", key)
		}
	}
	s.Secret("pw")
	s.Secret("again")
	expect(t, relative(s),
		`3: p.blank: file "DIR/blank" is empty (expected its content)`,
		`4: p.gone: file "DIR/gone" does not exist (expected a readable file: create it or correct the path)`)
	var names []string
	for _, path := range s.Files() {
		names = append(names, filepath.Base(path))
	}
	if want := []string{"ca.pem", "blank", "gone", "pw"}; !slices.Equal(names, want) || !slices.Equal(s.Files(), s.reader.Files()) {
		t.Errorf("files %v, of the reader %v, want %v", s.Files(), s.reader.Files(), want)
	}
}

func TestAReaderReadsEachFileOnce(t *testing.T) {
	reads := 0
	r := NewReader(ReaderOptions{ReadFile: func(string) ([]byte, error) { reads++; return []byte{byte('0' + reads)}, nil }})
	root, _ := ParseFile("/c.toml", []byte("[a]\nk = { file = \"f\" }\n[b]\nk = { file = \"f\" }\n"), r)
	if a, b := root.Object("a").Secret("k"), root.Object("b").Secret("k"); !a.Equal(b) || a.Reveal() != "1" {
		t.Error("two tables read different bytes")
	}
}

func TestContentBelongsToTheCaller(t *testing.T) {
	s := workspace(t, "a = \"f\"\nb = \"f\"\n", ReaderOptions{}, map[string]string{"f": "bytes"})
	s.File("a")[0] = 'X'
	if got := string(s.File("b")); got != "bytes" {
		t.Errorf("read %q", got)
	}
}

func TestSectionsDoNotPrintSecrets(t *testing.T) {
	s := workspace(t, `k = { file = "f" }`, ReaderOptions{}, map[string]string{"f": canary})
	v := s.Secret("k")
	s.Digest([]byte("key"))
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, s.values); strings.Contains(text, canary) {
			t.Errorf("%s shows a secret", format)
		}
	}
	if !v.Equal(credential.NewSecret(canary)) {
		t.Error("the secret was not read")
	}
}
