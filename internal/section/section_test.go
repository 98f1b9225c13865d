package section

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"
)

// parse parses one table named providers.loja.
func parse(t testing.TB, text string) *Section {
	t.Helper()
	s, err := Parse("providers.loja", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// lines returns faults without the file, as LINE: KEY: MESSAGE.
func lines(faults []Fault) []string {
	var text []string
	for _, f := range faults {
		text = append(text, fmt.Sprintf("%d: %s: %s", f.Line, f.Key, f.Message))
	}
	return text
}

func expect(t testing.TB, faults []Fault, want ...string) {
	t.Helper()
	if got := lines(faults); !slices.Equal(got, want) {
		t.Errorf("faults:\n  %s\nwant:\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// everything asks for one key of every type.
func everything(s *Section) string {
	return fmt.Sprint(
		s.Text("text", "fallback"), s.Required("required"), s.Bool("bool", true), s.Int("int", 7),
		s.Duration("duration", time.Second), s.Choice("choice", "a", "a", "b"), s.Mode("mode", 0o600),
		s.Texts("texts"), s.TextMap("map"), s.FilePath("path"), s.Table("table") != nil,
	)
}

func TestGettersReadEveryType(t *testing.T) {
	s := parse(t, `
text = "x"
required = " y "
bool = false
int = 1_000
duration = "1d12h"
choice = "b"
mode = "0640"
texts = ["p", "q"]
map = { Z = "1", A = "2", "c.d" = "3" }
path = "/a/../b"
table = {}
`)
	want := fmt.Sprint("x", " y ", false, 1000, 36*time.Hour, "b", fs.FileMode(0o640), []string{"p", "q"},
		[]Entry{{"Z", "1"}, {"A", "2"}, {"c.d", "3"}}, "/b", true)
	if got := everything(s); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	expect(t, s.Finish())
}

func TestGettersFallBack(t *testing.T) {
	s := parse(t, `required = "r"`)
	want := fmt.Sprint("fallback", "r", true, 7, time.Second, "a", fs.FileMode(0o600), []string(nil), []Entry(nil), "", false)
	if got := everything(s); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	expect(t, s.Finish())
}

func TestWrongTypesAreReportedTogether(t *testing.T) {
	s := parse(t, `text = 2024-01-01
required = 1
bool = "true"
int = 1.5
duration = 30
choice = true
mode = 640
texts = "p"
map = ["x"]
path = 10:20:30
table = 1
`)
	everything(s)
	expect(t, s.Finish(),
		`1: providers.loja.text: is a date or a time (expected a string in quotes)`,
		`2: providers.loja.required: is an integer (expected a string in quotes)`,
		`3: providers.loja.bool: is a string (expected true or false, without quotes)`,
		`4: providers.loja.int: is a number with a fraction (expected an integer, without quotes)`,
		`5: providers.loja.duration: is an integer (expected a duration in quotes such as "90s", "12h" or "5d")`,
		`6: providers.loja.choice: is true or false (expected "a" or "b")`,
		`7: providers.loja.mode: is an integer (expected a mode in quotes such as "0640")`,
		`8: providers.loja.texts: is a string (expected an array of strings such as ["…"])`,
		`9: providers.loja.map: is an array (expected a table of strings such as { NAME = "…" })`,
		`10: providers.loja.path: is a date or a time (expected a path in quotes)`,
		`11: providers.loja.table: is an integer (expected a table such as { … })`,
	)
}

func TestWrongValues(t *testing.T) {
	for _, c := range []struct {
		text string
		ask  func(*Section)
		want string
	}{
		{`k = "  "`, func(s *Section) { s.Required("k") }, `1: providers.loja.k: is empty (expected a string)`},
		{``, func(s *Section) { s.Required("k") }, `1: providers.loja.k: is missing (expected a string)`},
		{`k = "5x"`, func(s *Section) { s.Duration("k", 1) }, `1: providers.loja.k: "5x" is not a duration (expected e.g. "90s", "12h" or "5d")`},
		{`k = "0s"`, func(s *Section) { s.Duration("k", 1) }, `1: providers.loja.k: "0s" is not above zero (expected a duration such as "90s")`},
		{`k = "-1d"`, func(s *Section) { s.Duration("k", 1) }, `1: providers.loja.k: "-1d" is not above zero (expected a duration such as "90s")`},
		{`k = "z"`, func(s *Section) { s.Choice("k", "a", "a", "b", "c") }, `1: providers.loja.k: "z" is not known (expected one of a, b, c)`},
		{`k = "0888"`, func(s *Section) { s.Mode("k", 0) }, `1: providers.loja.k: "0888" is no mode (expected e.g. "0640")`},
		{`k = "1777"`, func(s *Section) { s.Mode("k", 0) }, `1: providers.loja.k: "1777" is no mode (expected e.g. "0640")`},
		{`k = "64"`, func(s *Section) { s.Mode("k", 0) }, `1: providers.loja.k: "64" is no mode (expected e.g. "0640")`},
		{`k = "00640"`, func(s *Section) { s.Mode("k", 0) }, `1: providers.loja.k: "00640" is no mode (expected e.g. "0640")`},
		{"k = [\n\"a\",\n1,\n]", func(s *Section) { s.Texts("k") }, `3: providers.loja.k: element 2 is an integer (expected a string in quotes)`},
		{`k = { a = 1 }`, func(s *Section) { s.TextMap("k") }, `1: providers.loja.k.a: is an integer (expected a string in quotes)`},
		{`k = { a.b = "1" }`, func(s *Section) { s.TextMap("k") }, `1: providers.loja.k.a: is a table (expected a string in quotes; a name with a dot is quoted too: "a.b" = "…")`},
		{`k = "a\u0000b"`, func(s *Section) { s.FilePath("k") }, `1: providers.loja.k: holds a zero byte (expected a path)`},
	} {
		s := parse(t, c.text)
		c.ask(s)
		expect(t, s.Finish(), c.want)
		if !s.Failed() {
			t.Errorf("%s: not failed", c.text)
		}
	}
}

func TestUnknownKeysNameWhatIsKnown(t *testing.T) {
	s := parse(t, `
user-name = "a"
passwrod = 1
other = 2
tls = { cafile = "x", pin = 1 }
[extra]
`)
	s.Text("user_name", "")
	s.Int("password", 0)
	s.Table("tls").Text("ca_file", "")
	expect(t, s.Finish(),
		`2: providers.loja.user-name: unknown key (did you mean user_name?)`,
		`3: providers.loja.passwrod: unknown key (did you mean password?)`,
		`4: providers.loja.other: unknown key (expected one of password, tls, user_name)`,
		`5: providers.loja.tls.cafile: unknown key (did you mean ca_file?)`,
		`5: providers.loja.tls.pin: unknown key (expected ca_file)`,
		`6: providers.loja.extra: unknown table (expected one of password, tls, user_name)`,
	)
}

func TestHasMakesAKeyKnown(t *testing.T) {
	s := parse(t, `old = 1`)
	if !s.Has("old") || s.Has("new") {
		t.Error("Has reports the wrong keys")
	}
	expect(t, s.Finish())
	if got := s.Asked(); len(got) > 0 {
		t.Errorf("asked %v", got)
	}
}

func TestFaultfFindsTheLine(t *testing.T) {
	const text = `a = 1
"x.y" = 2
[values]
"P.Q" = "v"
R = "w"
[one.two]
three = 3
`
	for _, c := range []struct{ key, want string }{
		{"", `1: providers.loja: m`},
		{"a", `1: providers.loja.a: m`},
		{"x.y", `2: providers.loja."x.y": m`},
		{"values", `3: providers.loja.values: m`},
		{"values.P.Q", `4: providers.loja.values."P.Q": m`},
		{"values.R", `5: providers.loja.values.R: m`},
		{"values.S", `3: providers.loja.values.S: m`},
		{"one.two.three", `7: providers.loja.one.two.three: m`},
		{"one.two.four", `6: providers.loja.one.two.four: m`},
		{"gone.deep", `1: providers.loja.gone.deep: m`},
	} {
		s := parse(t, text)
		s.Faultf(c.key, "%s", "m")
		expect(t, s.Faults(), c.want)
	}
}

func TestFaultsStayOnTheirLineAndAppearOnce(t *testing.T) {
	s := parse(t, "\"a\\nb\" = 1")
	s.Faultf("a\nb", "two\nlines\u2028three")
	s.Faultf("a\nb", "two\nlines\u2028three")
	expect(t, s.Faults(), `1: providers.loja."a\nb": two lines three`)
	f := s.Faults()[0]
	if got, want := f.Error(), `config.toml:1: providers.loja."a\nb": two lines three`; got != want {
		t.Errorf("Error() = %s, want %s", got, want)
	}
}

func TestLongKeysAreCut(t *testing.T) {
	s := parse(t, strings.Repeat("k", 1000)+" = 1")
	if got := s.Finish()[0].Key; len(got) > 100 {
		t.Errorf("key has %d bytes", len(got))
	}
}

func TestTheDaemonsKeysDoNotFailTheKind(t *testing.T) {
	s := parse(t, "rate = 1\nurl = 2\n")
	s.Daemon().Text("rate", "")
	if s.Failed() {
		t.Error("failed by a key of the daemon")
	}
	if !s.Daemon().Failed() == s.Failed() {
		t.Error("the daemon's view and the section disagree")
	}
	s.Text("url", "")
	if !s.Failed() {
		t.Error("not failed by a key of the kind")
	}
	expect(t, s.Finish(),
		`1: providers.loja.rate: is an integer (expected a string in quotes)`,
		`2: providers.loja.url: is an integer (expected a string in quotes)`)
}

func TestValueKeepsTheParsersWord(t *testing.T) {
	upper := func(text string) (string, error) {
		if text == "" {
			return "", fmt.Errorf("is blank (expected letters)")
		}
		return strings.ToUpper(text), nil
	}
	s := parse(t, "a = \"x\"\nb = \"\"\nc = 1\n")
	got := []string{Value(s, "a", "-", "letters", upper), Value(s, "b", "-", "letters", upper), Value(s, "c", "-", "letters", upper), Value(s, "d", "-", "letters", upper)}
	if want := []string{"X", "-", "-", "-"}; !slices.Equal(got, want) {
		t.Errorf("got values %v, want %v", got, want)
	}
	expect(t, s.Finish(),
		`2: providers.loja.b: is blank (expected letters)`,
		`3: providers.loja.c: is an integer (expected letters)`)
}

func TestNamesAndPlaces(t *testing.T) {
	root, faults := ParseFile("dir/c.toml", []byte("top = 1\n[sinks.b]\nk = \"v\"\n[sinks.a]\n[sinks]\nodd = 3\n[daemon]\nlisten = \"\"\n"), NewReader(ReaderOptions{}))
	expect(t, faults)
	sinks := root.Objects("sinks")
	if len(sinks) != 2 || sinks[0].Path() != "sinks.b" || sinks[1].Name() != "a" || sinks[0].Place() != "dir/c.toml:2" || sinks[0].Source() != "dir/c.toml" {
		t.Fatalf("objects %v", sinks)
	}
	if got := sinks[0].KeyOf("v"); got != "k" {
		t.Errorf("KeyOf = %q", got)
	}
	if got := sinks[0].KeyOf("w"); got != "" {
		t.Errorf("KeyOf = %q", got)
	}
	if d := root.Object("daemon"); d == nil || d.Place() != "dir/c.toml:7" || !slices.Equal(d.Keys(), []string{"listen"}) {
		t.Errorf("daemon %v", d)
	}
	if root.Object("log") != nil {
		t.Error("got a table for an absent key, want nil")
	}
	expect(t, root.Finish(),
		`1: top: unknown key (expected one of daemon, log, sinks)`,
		`6: sinks.odd: is an integer (expected a table [sinks.odd])`)
	// Objects are finished separately.
	expect(t, sinks[0].Finish(), `3: sinks.b.k: unknown key (expected no key here)`)
}

func TestTheSameTableTwiceIsOneTable(t *testing.T) {
	s := parse(t, "[tls]\na = \"1\"\nb = \"2\"\n")
	s.Table("tls").Text("a", "")
	s.Table("tls").Text("b", "")
	expect(t, s.Finish())
	if got, want := s.Asked(), []string{"tls", "tls.a", "tls.b"}; !slices.Equal(got, want) {
		t.Errorf("got asked keys %v, want %v", got, want)
	}
}

func TestSortFollowsFilesAndLines(t *testing.T) {
	f := func(file string, line int, key string) Fault {
		return Fault{File: file, Line: line, Key: key, Message: "m"}
	}
	got := Sort([]Fault{f("b", 1, "k"), f("z", 1, "k"), f("a", 9, "k"), f("a", 2, "y"), f("a", 2, "x"), f("a", 9, "k"), f("y", 1, "k")}, []string{"a", "b"})
	want := []Fault{f("a", 2, "y"), f("a", 2, "x"), f("a", 9, "k"), f("b", 1, "k"), f("y", 1, "k"), f("z", 1, "k")}
	if !slices.Equal(got, want) {
		t.Errorf("got order %v, want %v", got, want)
	}
}

func TestEmptyTable(t *testing.T) {
	s := Empty("c.toml", "daemon", NewReader(ReaderOptions{}))
	s.Required("listen")
	expect(t, s.Finish(), `1: daemon.listen: is missing (expected a string)`)
}
