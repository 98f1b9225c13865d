package ini_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/sinks/ini"
)

func pair(key, value string) ini.Pair {
	return ini.Pair{Key: key, Value: credential.NewSecret(value)}
}

func token(value string) []ini.Pair { return []ini.Pair{pair("TOKEN", value)} }

// cases specifies the editor: the content of a file, and its content after
// TOKEN in [TSSOFFLINE] was set to NEW.
var cases = []struct {
	name, in, want string
	create         bool
}{
	{name: "plain LF", in: "[TSSOFFLINE]\nTOKEN=old\n", want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "plain CRLF", in: "[TSSOFFLINE]\r\nTOKEN=old\r\n", want: "[TSSOFFLINE]\r\nTOKEN=NEW\r\n"},
	{name: "CR only", in: "[TSSOFFLINE]\rTOKEN=old\r", want: "[TSSOFFLINE]\rTOKEN=NEW\r"},
	{name: "CR only, empty lines, insertion", in: "[TSSOFFLINE]\r\rA=1\r\r[B]\r", want: "[TSSOFFLINE]\r\rA=1\rTOKEN=NEW\r\r[B]\r"},
	{name: "several CRs before an LF", in: "[TSSOFFLINE]\r\r\nTOKEN=old\r\r\n", want: "[TSSOFFLINE]\r\r\nTOKEN=NEW\r\r\n"},
	{name: "mixed line ends stay", in: "[A]\n[TSSOFFLINE]\r\nTOKEN=old\nB=1\r\n", want: "[A]\n[TSSOFFLINE]\r\nTOKEN=NEW\nB=1\r\n"},
	{name: "a CR within a line of a file with LF", in: "[TSSOFFLINE]\nTOKEN=o\rld\nA=1", want: "[TSSOFFLINE]\nTOKEN=NEW\nA=1"},
	{name: "no final newline", in: "[TSSOFFLINE]\r\nTOKEN=old", want: "[TSSOFFLINE]\r\nTOKEN=NEW"},
	{name: "no newline at all", in: "[TSSOFFLINE]", want: "[TSSOFFLINE]\nTOKEN=NEW"},
	{name: "a CR after the last line", in: "[TSSOFFLINE]\nTOKEN=old\r", want: "[TSSOFFLINE]\nTOKEN=NEW"},
	{name: "blanks around =", in: "[TSSOFFLINE]\nTOKEN = old  \n", want: "[TSSOFFLINE]\nTOKEN = NEW\n"},
	{name: "TABs around =", in: "[TSSOFFLINE]\nTOKEN\t=\told\t\n", want: "[TSSOFFLINE]\nTOKEN\t=\tNEW\n"},
	{name: "TAB before key, blank after header", in: "[TSSOFFLINE] \r\n\tTOKEN=old\r\n", want: "[TSSOFFLINE] \r\n\tTOKEN=NEW\r\n"},
	{name: "TAB before header", in: "\t[TSSOFFLINE]\r\n\tTOKEN=old\r\n", want: "\t[TSSOFFLINE]\r\n\tTOKEN=NEW\r\n"},
	{name: "blanks inside the brackets", in: "[ TSSOFFLINE\t]\nTOKEN=old\n", want: "[ TSSOFFLINE\t]\nTOKEN=NEW\n"},
	{name: "form feed and vertical tab are blanks", in: "\f[TSSOFFLINE]\v\n\vTOKEN\f=\vold\f\n", want: "\f[TSSOFFLINE]\v\n\vTOKEN\f=\vNEW\n"},
	{name: "case of names", in: "[TssOffLine]\nToken=old\n", want: "[TssOffLine]\nToken=NEW\n"},
	{name: "case of ASCII letters only", in: "[TSSOFFLINE]\nTO\u212aEN=old\n", want: "[TSSOFFLINE]\nTO\u212aEN=old\nTOKEN=NEW\n"},
	{name: "no value", in: "[TSSOFFLINE]\r\nTOKEN=\r\nONLINEPORT=8080\r\n", want: "[TSSOFFLINE]\r\nTOKEN=NEW\r\nONLINEPORT=8080\r\n"},
	{name: "an all-blank value loses its blanks", in: "[TSSOFFLINE]\nTOKEN= \t \nA=1\n", want: "[TSSOFFLINE]\nTOKEN=NEW\nA=1\n"},
	{name: "no value, end of file", in: "[TSSOFFLINE]\nTOKEN=", want: "[TSSOFFLINE]\nTOKEN=NEW"},
	{name: "quotes go", in: "[TSSOFFLINE]\nTOKEN=\"old\"\n", want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "; tail goes", in: "[TSSOFFLINE]\nTOKEN=old ; changed by J.\n", want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "// tail goes, that of the header stays", in: "[TSSOFFLINE]      // our section\nTOKEN=old   // put yours\nA=1   // stays\n", want: "[TSSOFFLINE]      // our section\nTOKEN=NEW\nA=1   // stays\n"},
	{name: "= within the value", in: "[TSSOFFLINE]\nTOKEN=a=b==\n", want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "only a comment has the key", in: "[TSSOFFLINE]\r\nTSSOFFLINE=1\r\n;TOKEN=old\r\nONLINEURL=h\r\n\r\n[X]\r\n", want: "[TSSOFFLINE]\r\nTSSOFFLINE=1\r\n;TOKEN=old\r\nONLINEURL=h\r\nTOKEN=NEW\r\n\r\n[X]\r\n"},
	{name: "every form of comment", in: "[TSSOFFLINE]\n ; TOKEN=a\n#TOKEN=a\n//TOKEN=a\n;;TOKEN=a\nB=1\n", want: "[TSSOFFLINE]\n ; TOKEN=a\n#TOKEN=a\n//TOKEN=a\n;;TOKEN=a\nB=1\nTOKEN=NEW\n"},
	{name: "a single slash is no comment", in: "[TSSOFFLINE]\n/TOKEN=a\nTOKEN=old\n", want: "[TSSOFFLINE]\n/TOKEN=a\nTOKEN=NEW\n"},
	{name: "commented header", in: "[A]\n;[TSSOFFLINE]\nTOKEN=a\n[TSSOFFLINE]\nTOKEN=b\n", want: "[A]\n;[TSSOFFLINE]\nTOKEN=a\n[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "commented header does not end a section", in: "[TSSOFFLINE]\n;;[X]\nTOKEN=old\n", want: "[TSSOFFLINE]\n;;[X]\nTOKEN=NEW\n"},
	{name: "key missing, header alone", in: "[TSSOFFLINE]\n[X]\nTOKEN=x\n", want: "[TSSOFFLINE]\nTOKEN=NEW\n[X]\nTOKEN=x\n"},
	{name: "key missing, indented header alone", in: "\t[TSSOFFLINE]\n[X]\n", want: "\t[TSSOFFLINE]\n\tTOKEN=NEW\n[X]\n"},
	{name: "key missing, last section", in: "[TSSOFFLINE]\nTSSOFFLINE=1\n", want: "[TSSOFFLINE]\nTSSOFFLINE=1\nTOKEN=NEW\n"},
	{name: "key missing, no final newline", in: "[A]\r\nk=v\r\n[TSSOFFLINE]\r\nTSSOFFLINE=1", want: "[A]\r\nk=v\r\n[TSSOFFLINE]\r\nTSSOFFLINE=1\r\nTOKEN=NEW"},
	{name: "key missing, goes before trailing comments and blanks", in: "[TSSOFFLINE]\nA=1\n; of X:\n \n[X]\n", want: "[TSSOFFLINE]\nA=1\nTOKEN=NEW\n; of X:\n \n[X]\n"},
	{name: "key missing, behind the last key after junk", in: "[TSSOFFLINE]\nA=1\nHTTPREST\nB=2\nPATHC:\\x\n", want: "[TSSOFFLINE]\nA=1\nHTTPREST\nB=2\nTOKEN=NEW\nPATHC:\\x\n"},
	{name: "key missing, indentation is copied", in: "[TSSOFFLINE]\n \t A = 1\n", want: "[TSSOFFLINE]\n \t A = 1\n \t TOKEN=NEW\n"},
	{name: "key missing, terminator of the neighbour", in: "[A]\nb=1\nc=1\n[TSSOFFLINE]\nA=1\r\n[B]\n", want: "[A]\nb=1\nc=1\n[TSSOFFLINE]\nA=1\r\nTOKEN=NEW\r\n[B]\n"},
	{name: "key missing, dominant terminator", in: "[A]\nb=1\r\nc=1\r\n[TSSOFFLINE]\nA=1\r\nB=1", want: "[A]\nb=1\r\nc=1\r\n[TSSOFFLINE]\nA=1\r\nB=1\r\nTOKEN=NEW"},
	{name: "key missing, a tie of terminators goes to the first", in: "[A]\r\n[TSSOFFLINE]\nA=1", want: "[A]\r\n[TSSOFFLINE]\nA=1\r\nTOKEN=NEW"},
	{name: "key repeated", in: "[TSSOFFLINE]\nTOKEN=a\nTSSOFFLINE=1\ntoken=b\n", want: "[TSSOFFLINE]\nTOKEN=NEW\nTSSOFFLINE=1\ntoken=NEW\n"},
	{name: "section repeated, key in both", in: "[TSSOFFLINE]\nTOKEN=a\n[B]\n[tssoffline]\nTOKEN=b\n", want: "[TSSOFFLINE]\nTOKEN=NEW\n[B]\n[tssoffline]\nTOKEN=NEW\n"},
	{name: "section repeated, key in the second", in: "[TSSOFFLINE]\nA=1\n[B]\n[TSSOFFLINE]\nTOKEN=b\n", want: "[TSSOFFLINE]\nA=1\n[B]\n[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "section repeated, key nowhere", in: "[TSSOFFLINE]\nTSSOFFLINE=1\n[B]\nx=1\n[TSSOFFLINE]\nONLINEPORT=1\n", want: "[TSSOFFLINE]\nTSSOFFLINE=1\nTOKEN=NEW\n[B]\nx=1\n[TSSOFFLINE]\nONLINEPORT=1\n"},
	{name: "section repeated at once, key nowhere", in: "[TSSOFFLINE]\n[TSSOFFLINE]\nA=1\n", want: "[TSSOFFLINE]\nTOKEN=NEW\n[TSSOFFLINE]\nA=1\n"},
	{name: "keys before any section", in: "TOKEN=stray\nport=5\n[TSSOFFLINE]\nTOKEN=old\n", want: "TOKEN=stray\nport=5\n[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "same key elsewhere", in: "[A]\nTOKEN=a\n[TSSOFFLINE]\nTOKEN=old\n[B]\nTOKEN=b\n", want: "[A]\nTOKEN=a\n[TSSOFFLINE]\nTOKEN=NEW\n[B]\nTOKEN=b\n"},
	{name: "longer names", in: "[TSSOFFLINE2]\nTOKEN=a\n[TSSOFFLINE]\nTOKEN2=b\nXTOKEN=c\nTOKEN=old\n", want: "[TSSOFFLINE2]\nTOKEN=a\n[TSSOFFLINE]\nTOKEN2=b\nXTOKEN=c\nTOKEN=NEW\n"},
	{name: "name ends at the first bracket", in: "[TSSOFFLINE] ]x\nTOKEN=old\n", want: "[TSSOFFLINE] ]x\nTOKEN=NEW\n"},
	{name: "unclosed header of another section ends ours", in: "[TSSOFFLINE]\nA=1\n[OTHER\nTOKEN=x\n", want: "[TSSOFFLINE]\nA=1\nTOKEN=NEW\n[OTHER\nTOKEN=x\n"},
	{name: "a key without name is a key line", in: "[TSSOFFLINE]\n=x\n", want: "[TSSOFFLINE]\n=x\nTOKEN=NEW\n"},
	{name: "byte order mark before our header", in: "\xef\xbb\xbf[TSSOFFLINE]\r\nTOKEN=old\r\n", want: "\xef\xbb\xbf[TSSOFFLINE]\r\nTOKEN=NEW\r\n"},
	{name: "byte order mark before another header", in: "\xef\xbb\xbf[A]\n[TSSOFFLINE]\nTOKEN=old\n", want: "\xef\xbb\xbf[A]\n[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "byte order mark further on is content", in: "[TSSOFFLINE]\n\xef\xbb\xbfTOKEN=a\n", want: "[TSSOFFLINE]\n\xef\xbb\xbfTOKEN=a\nTOKEN=NEW\n"},
	{name: "byte order mark, header alone", in: "\xef\xbb\xbf[TSSOFFLINE]\n", want: "\xef\xbb\xbf[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "code page bytes", in: "[TSSOFFLINE]\n; inv\xe1lida \x81\x8d\xff\nTOKEN=\xe9\xfe\xff\nA=\x90\xa0\n", want: "[TSSOFFLINE]\n; inv\xe1lida \x81\x8d\xff\nTOKEN=NEW\nA=\x90\xa0\n"},
	{name: "no-break space and NEL are no blanks", in: "[TSSOFFLINE]\n\xa0TOKEN=a\n\x85TOKEN=a\nTOKEN=old\xa0\n", want: "[TSSOFFLINE]\n\xa0TOKEN=a\n\x85TOKEN=a\nTOKEN=NEW\n"},
	{name: "38 blanks and no newline at the end", in: "[TSSOFFLINE]\nTOKEN=old\n" + strings.Repeat(" ", 38), want: "[TSSOFFLINE]\nTOKEN=NEW\n" + strings.Repeat(" ", 38)},
	{name: "section absent", create: true, in: "[A]\r\nk=v\r\n", want: "[A]\r\nk=v\r\n\r\n[TSSOFFLINE]\r\nTOKEN=NEW\r\n"},
	{name: "section absent, no final newline", create: true, in: "[A]\r\nk=v", want: "[A]\r\nk=v\r\n\r\n[TSSOFFLINE]\r\nTOKEN=NEW\r\n"},
	{name: "section absent, empty line at the end", create: true, in: "[A]\nk=v\n\n", want: "[A]\nk=v\n\n[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "section absent, 38 blanks at the end", create: true, in: "[A]\nk=v\n" + strings.Repeat(" ", 38), want: "[A]\nk=v\n" + strings.Repeat(" ", 38) + "\n[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "section absent, empty file", create: true, in: "", want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "section absent, byte order mark alone", create: true, in: "\xef\xbb\xbf", want: "\xef\xbb\xbf\n[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "section absent, CR only", create: true, in: "[A]\rk=v\r", want: "[A]\rk=v\r\r[TSSOFFLINE]\rTOKEN=NEW\r"},
	{name: "section in a comment only", create: true, in: ";[TSSOFFLINE]\n;TOKEN=a\n", want: ";[TSSOFFLINE]\n;TOKEN=a\n\n[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "section there though it may be created", create: true, in: "[TSSOFFLINE]\nTOKEN=old\n", want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "already so", in: "[TSSOFFLINE]\nTOKEN=NEW\n", want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "already so, blanks before it", in: "[TSSOFFLINE]\nTOKEN = NEW\r\n", want: "[TSSOFFLINE]\nTOKEN = NEW\r\n"},
	{name: "already so but for a trailing blank", in: "[TSSOFFLINE]\nTOKEN=NEW \n", want: "[TSSOFFLINE]\nTOKEN=NEW\n"},
	{name: "already so in one of two", in: "[TSSOFFLINE]\nTOKEN=NEW\nTOKEN=old\n", want: "[TSSOFFLINE]\nTOKEN=NEW\nTOKEN=NEW\n"},
}

func TestEdit(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			in := []byte(c.in)
			got, err := ini.Edit(in, "TSSOFFLINE", token("NEW"), ini.EditOptions{CreateSection: c.create})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
			if string(in) != c.in {
				t.Error("the input was modified")
			}
			again, err := ini.Edit(got, "TSSOFFLINE", token("NEW"), ini.EditOptions{})
			if err != nil || string(again) != c.want {
				t.Errorf("second run: got %q, %v", again, err)
			}
		})
	}
}

func TestEditSeveralKeys(t *testing.T) {
	pairs := []ini.Pair{pair("URL", "h"), pair("TOKEN", "NEW"), pair("Expires", "2026-01-01T00:00:00Z")}
	for _, c := range []struct {
		name, in, want string
		create         bool
	}{
		{name: "all there", in: "[X]\nTOKEN=1\nexpires=2\nURL=3\n", want: "[X]\nTOKEN=NEW\nexpires=2026-01-01T00:00:00Z\nURL=h\n"},
		{name: "one missing", in: "[X]\nTOKEN=1\nURL=3\n;\n[Y]\n", want: "[X]\nTOKEN=NEW\nURL=h\nExpires=2026-01-01T00:00:00Z\n;\n[Y]\n"},
		{name: "two missing, in their order", in: "[X]\n\tTOKEN=1\n", want: "[X]\n\tTOKEN=NEW\n\tURL=h\n\tExpires=2026-01-01T00:00:00Z\n"},
		{name: "two missing, no final newline", in: "[X]\nTOKEN=", want: "[X]\nTOKEN=NEW\nURL=h\nExpires=2026-01-01T00:00:00Z"},
		{name: "one in another block", in: "[X]\nTOKEN=1\n[Y]\n[x]\nURL=\n", want: "[X]\nTOKEN=NEW\nExpires=2026-01-01T00:00:00Z\n[Y]\n[x]\nURL=h\n"},
		{name: "section created", create: true, in: "[A]\n", want: "[A]\n\n[X]\nURL=h\nTOKEN=NEW\nExpires=2026-01-01T00:00:00Z\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := ini.Edit([]byte(c.in), "X", pairs, ini.EditOptions{CreateSection: c.create})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got\n%q\nwant\n%q", got, c.want)
			}
			again, err := ini.Edit(got, "X", pairs, ini.EditOptions{})
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("second run: got %q, %v", again, err)
			}
		})
	}
}

func TestEditRefuses(t *testing.T) {
	plain := "[TSSOFFLINE]\nTOKEN=old\n"
	large := plain + strings.Repeat("x", ini.MaxSize-len(plain)+1)
	full := strings.Repeat("x", ini.MaxSize-16) + "\n[TSSOFFLINE]\n"
	const canary = "canary-7f3a"
	for _, c := range []struct {
		name, in, section, key, value, says string
	}{
		{name: "UTF-16 little endian", in: "\xff\xfe[\x00T\x00", says: "UTF-16"},
		{name: "UTF-16 big endian", in: "\xfe\xff\x00[\x00T", says: "UTF-16"},
		{name: "zero byte", in: "[TSSOFFLINE]\nTOKEN=a\x00b\n", says: "zero byte"},
		{name: "unclosed header", in: "[A]\n[TSSOFFLINE\nTOKEN=a\n", says: "line 2: the header [TSSOFFLINE is not closed"},
		{name: "unclosed header with blanks", in: " [ tssoffline \nTOKEN=a\n", says: "not closed"},
		{name: "unclosed header beside a closed one", in: "[TSSOFFLINE]\nTOKEN=a\n[TSSOFFLINE\n", says: "not closed"},
		{name: "too large", in: large, says: "larger than 8 MiB"},
		{name: "too large afterwards", in: full, says: "larger than 8 MiB"},
		{name: "value with a line break", in: plain, value: canary + "\r\n[X]", says: "line break"},
		{name: "value with CR", in: plain, value: canary + "\rx", says: "line break"},
		{name: "value with LF", in: plain, value: canary + "\nx", says: "line break"},
		{name: "value with a zero byte", in: plain, value: canary + "\x00x", says: "control character"},
		{name: "value with a TAB", in: plain, value: canary + "\tx", says: "control character"},
		{name: "value with NEL", in: plain, value: canary + "\u0085x", says: "control character"},
		{name: "value with DEL", in: plain, value: canary + "\x7fx", says: "control character"},
		{name: "value with a leading blank", in: plain, value: " " + canary, says: "starts or ends with a blank"},
		{name: "value with a trailing blank", in: plain, value: canary + " ", says: "starts or ends with a blank"},
		{name: "empty value", in: plain, value: "-", says: "is empty"},
		{name: "section with a bracket", in: plain, section: "A]\nB", says: "bracket"},
		{name: "key with =", in: plain, key: "A=B", says: "equals sign"},
		{name: "key with a line break", in: plain, key: "A\nB", says: "line break"},
	} {
		t.Run(c.name, func(t *testing.T) {
			section, key, value := "TSSOFFLINE", "TOKEN", canary
			if c.section != "" {
				section = c.section
			}
			if c.key != "" {
				key = c.key
			}
			if c.value != "" {
				value = strings.TrimPrefix(c.value, "-")
			}
			_, err := ini.Edit([]byte(c.in), section, []ini.Pair{pair(key, value)}, ini.EditOptions{CreateSection: true})
			if _, ok := errors.AsType[*ini.Refusal](err); !ok {
				t.Fatalf("got %v, want a Refusal", err)
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), canary) {
				t.Errorf("got %q, want it to contain %q and no canary", err, c.says)
			}
		})
	}
}

// TestEditLimit: 8 MiB are edited; one byte more is refused.
func TestEditLimit(t *testing.T) {
	in := []byte("[X]\nTOKEN=old\n" + strings.Repeat(";", ini.MaxSize))
	if _, err := ini.Edit(in[:ini.MaxSize], "X", token("NEW"), ini.EditOptions{}); err != nil {
		t.Error(err)
	}
	if _, err := ini.Edit(in[:ini.MaxSize+1], "X", token("N"), ini.EditOptions{}); err == nil {
		t.Error("a file above the limit was edited")
	}
}

func TestEditNeedsTheSection(t *testing.T) {
	for _, in := range []string{"", "\xef\xbb\xbf", "[A]\nTOKEN=x\n", "TOKEN=x\n", ";[TSSOFFLINE]\nTOKEN=x\n", "[TSSOFFLINE2]\n"} {
		if _, err := ini.Edit([]byte(in), "TSSOFFLINE", token("NEW"), ini.EditOptions{}); !errors.Is(err, ini.ErrNoSection) {
			t.Errorf("%q: got %v, want ErrNoSection", in, err)
		}
	}
}

func TestEditRefusesAKeyTwice(t *testing.T) {
	_, err := ini.Edit([]byte("[X]\n"), "X", []ini.Pair{pair("TOKEN", "a"), pair("Token", "b")}, ini.EditOptions{})
	if err == nil || !strings.Contains(err.Error(), "configured twice") {
		t.Errorf("got %v, want a fault about the duplicate", err)
	}
}

// TestEditKeepsSlice: an unchanged file returns the same slice, so the caller
// can skip the write.
func TestEditKeepsSlice(t *testing.T) {
	in := []byte("[X]\nTOKEN=NEW\n")
	out, err := ini.Edit(in, "X", token("NEW"), ini.EditOptions{})
	if err != nil || &out[0] != &in[0] {
		t.Errorf("got another slice, %v", err)
	}
}
