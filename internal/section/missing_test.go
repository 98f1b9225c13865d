package section

import (
	"strings"
	"testing"
)

// TestFaultOfWhatAKeyRefersTo: a fault in the content of a file is not a fault of the
// configuration, so the rest of it can be used.
func TestFaultOfWhatAKeyRefersTo(t *testing.T) {
	s := workspace(t, "k = { file = \"secret\" }\nca = \"ca.pem\"\nplain = \"x\"\nsub = { file = \"cert.p12\" }\n", ReaderOptions{}, map[string]string{
		"secret": "two\nlines", "ca.pem": "x", "cert.p12": "y",
	})
	s.Secret("k")
	s.File("ca")
	s.Text("plain", "")
	sub := s.Table("sub")
	sub.File("file")
	s.Faultf("k", "contains a line break")
	s.Faultf("ca", "contains no certificate")
	s.Faultf("sub.file", "does not open")
	sub.Faultf("file", "does not open")
	if s.Failed() {
		t.Error("the section failed because of what it refers to")
	}
	faults := s.Faults()
	if len(faults) != 3 {
		t.Errorf("got %d faults, want 3: %v", len(faults), faults)
	}
	for _, f := range faults {
		if !f.Missing() {
			t.Errorf("%v is reported as wrong, want missing", f)
		}
	}
	s.Faultf("plain", "is wrong")
	if !s.Failed() {
		t.Error("a wrong text does not fail the section")
	}
}

// TestSecretsOfWindows: a byte order mark is dropped; other slips are reported and kept.
func TestSecretsOfWindows(t *testing.T) {
	for text, want := range map[string]struct{ secret, slip string }{
		"\ufeffsecret\r\n":   {"secret", ""},
		"secret \n":          {"secret ", "ends with a blank"},
		"secret\n\n":         {"secret\n", "ends with a blank or an empty line"},
		" secret":            {" secret", "begins with a blank"},
		"\tsecret\u00a0":     {"\tsecret\u00a0", "begins and ends"},
		"sec\u200bret":       {"sec\u200bret", "invisible"},
		"sec\u00a0ret":       {"sec\u00a0ret", "invisible"},
		"a pass phrase":      {"a pass phrase", ""},
		"\ufeff\ufeffsecret": {"\ufeffsecret", "invisible"},
		"\xff\xfes\x00e\x00": {unreadText, ""},
	} {
		s := workspace(t, "k = { file = \"secret\" }", ReaderOptions{}, map[string]string{"secret": text})
		if got := s.Secret("k").Reveal(); got != want.secret {
			t.Errorf("%q: got %q, want %q", text, got, want.secret)
		}
		slips := s.Slips()
		if (want.slip != "") != (len(slips) == 1) || len(slips) == 1 && !strings.Contains(slips[0].Message, want.slip) {
			t.Errorf("%q: got the warnings %v, want %q", text, slips, want.slip)
		}
	}
}

// TestSlipsInThePlainText: what may stand in the configuration itself is copied from pages
// and documents, too.
func TestSlipsInThePlainText(t *testing.T) {
	for text, want := range map[string]string{
		"id": "", "an id": "", "id ": "ends with a blank", " id": "begins with a blank", "i\u200bd": "invisible", "i\u00a0d": "invisible", "\ufeffid": "invisible",
	} {
		s := workspace(t, "k = \""+text+"\"", ReaderOptions{}, nil)
		if got := s.TextOrSecret("k").Reveal(); got != text {
			t.Errorf("%q: got %q", text, got)
		}
		slips := s.Slips()
		if (want != "") != (len(slips) == 1) || len(slips) == 1 && (!strings.Contains(slips[0].Message, want) || slips[0].Missing()) {
			t.Errorf("%q: got the warnings %v, want %q", text, slips, want)
		}
	}
}

// TestPathsOfOtherPlaces: texts that only a shell or another system would understand as a
// path are refused.
func TestPathsOfOtherPlaces(t *testing.T) {
	for _, path := range []string{"~", "~/x", "~root/x", "$HOME/x", "${HOME}/x", "/x/$HOME", "file:///etc/x", "FILE://x", `C:\x`, "C:/x", `\\server\x`, "x ", " x", "x\n", "x\u200b", "\ufeff/x", "/x\u00a0y"} {
		quoted := strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(path)
		for _, text := range []string{"k = { file = \"" + quoted + "\" }", "p = \"" + quoted + "\""} {
			s := workspace(t, text, ReaderOptions{}, nil)
			s.Secret("k")
			s.FilePath("p")
			if !s.Failed() {
				t.Errorf("%s is accepted", text)
			}
		}
	}
	for _, path := range []string{"a~", "c:x", "/srv/a b/x", "x$", "/a/$b"} {
		s := workspace(t, "p = \""+path+"\"", ReaderOptions{}, nil)
		if s.FilePath("p"); s.Failed() {
			t.Errorf("%q is refused: %v", path, s.Faults())
		}
	}
}

// TestBoundsOfWhatIsParsed: files that would use all memory are refused before they are
// parsed.
func TestBoundsOfWhatIsParsed(t *testing.T) {
	const many = 1 << 20
	for name, text := range map[string]string{
		"dots":          strings.Repeat("a.", many) + "a = 1\n",
		"header":        "[" + strings.Repeat("a.", many) + "a]\n",
		"quoted dots":   strings.Repeat("'a'.", many) + "a = 1\n",
		"brackets":      "a = " + strings.Repeat("[", many),
		"inline tables": "a = " + strings.Repeat("{a=", many),
		"lines":         strings.Repeat("\n", mostLines),
	} {
		root, faults := parseDocument("c.toml", []byte(text))
		if root != nil || len(faults) != 1 || !strings.Contains(faults[0].Message, "expected fewer") {
			t.Errorf("%s: got %v", name, faults)
		}
	}
	for name, text := range map[string]string{
		"text":    "a = \"" + strings.Repeat("[.", 1000) + "\"\nb = '''" + strings.Repeat("[.\n", 1000) + "''' # " + strings.Repeat("[.", 1000) + "\n",
		"numbers": "a = [" + strings.Repeat("1.5, ", 1000) + "]\n",
		"escapes": `a = "\\"` + "\nb = \"\\\"[[[[\"\n" + `c = """"x""""` + "\nd = [" + strings.Repeat("[1.5],", 1000) + "]\n",
	} {
		if _, faults := parseDocument("c.toml", []byte(text)); len(faults) > 0 {
			t.Errorf("%s: got %v, want no fault", name, faults)
		}
	}
}
