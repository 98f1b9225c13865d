package section

import (
	"crypto/sha256"
	"testing"
	"time"
)

// digest returns the digest of a kind that asks for one key of every type.
func digest(t testing.TB, text string, files map[string]string) string {
	t.Helper()
	return asked(t, text, files).Digest([]byte("key"))
}

// asked returns a section of which that kind has asked for everything.
func asked(t testing.TB, text string, files map[string]string) *Section {
	t.Helper()
	all := map[string]string{"pw": "secret\n", "same": "secret", "other": "secret2", "ca": "CERT"}
	for name, content := range files {
		all[name] = content
	}
	s := workspace(t, text, ReaderOptions{}, all)
	own := s.Daemon()
	own.Text("rate", "")
	own.Duration("timeout", time.Second)
	s.Required("type")
	s.Text("text", "default")
	s.Bool("bool", false)
	s.Int("int", 3)
	s.Duration("duration", time.Hour)
	s.Choice("choice", "a", "a", "b")
	s.Mode("mode", 0o600)
	s.Texts("texts")
	s.TextMap("map")
	s.Secret("password")
	s.Secrets("keys")
	s.TextOrSecret("user")
	s.FilePath("path")
	s.File("ca")
	Value(s, "value", "v", "text", func(text string) (string, error) { return text, nil })
	if sub := s.Table("tls"); sub != nil {
		sub.Text("text", "")
		sub.Text("pin", "")
	}
	expect(t, s.Finish())
	return s
}

const digestBase = "type = \"x\"\npassword = { file = \"pw\" }\n"

func TestDigestChanges(t *testing.T) {
	base := digest(t, digestBase, nil)
	seen := map[string]string{base: "the base"}
	for _, more := range []string{
		`text = "x"`, `text = ""`, `bool = true`, `int = 4`, `duration = "2h"`, `choice = "b"`, `mode = "0640"`,
		`texts = ["a", "b"]`, `texts = ["ab"]`, `texts = ["b", "a"]`, `map = { a = "b" }`, `map = { c = "b" }`, `map = { b = "a" }`,
		`keys = [{ file = "pw" }]`, `keys = [{ file = "pw" }, { file = "other" }]`, `user = "secret"`, `path = "/x"`, `ca = "ca"`,
		`value = "w"`, `tls = { text = "x" }`, `tls = { pin = "x" }`,
	} {
		d := digest(t, digestBase+more, nil)
		if other, ok := seen[d]; ok {
			t.Errorf("%s has the digest of %s", more, other)
		}
		seen[d] = more
	}
	for what, d := range map[string]string{
		"another type":   digest(t, "type = \"y\"\npassword = { file = \"pw\" }\n", nil),
		"another secret": digest(t, "type = \"x\"\npassword = { file = \"other\" }\n", nil),
		"other bytes":    digest(t, digestBase, map[string]string{"pw": "changed"}),
	} {
		if d == base {
			t.Errorf("%s did not change the digest", what)
		}
	}
}

// TestDigestStays: what does not matter to the backend must not cause a renewal.
func TestDigestStays(t *testing.T) {
	base := digest(t, digestBase, nil)
	for what, text := range map[string]string{
		"pace":              digestBase + "rate = \"4/s\"\ntimeout = \"5s\"\n",
		"spelled defaults":  digestBase + "text = \"default\"\nbool = false\nint = 3\nduration = \"60m\"\nchoice = \"a\"\nmode = \"600\"\nvalue = \"v\"\nuser = \"\"\npath = \"\"\n",
		"order and comment": "# hello\npassword.file = \"pw\"\ntype = 'x'\n",
		"secret elsewhere":  "type = \"x\"\npassword = { file = \"same\" }\n",
		"empty table":       digestBase + "tls = {}\n",
	} {
		if digest(t, text, nil) != base {
			t.Errorf("%s changed the digest", what)
		}
	}
	if a, b := digest(t, digestBase+`duration = "1d"`, nil), digest(t, digestBase+`duration = "24h"`, nil); a != b {
		t.Error("the spelling of a duration changed the digest")
	}
}

func TestDigestTellsKeysFromValues(t *testing.T) {
	a, b := parse(t, `k = "ey"`), parse(t, `ke = "y"`)
	a.Text("k", "")
	b.Text("ke", "")
	if a.Digest(nil) == b.Digest(nil) {
		t.Error("two tables have the same digest")
	}
}

func TestDigestIsKeyed(t *testing.T) {
	s := parse(t, `k = "v"`)
	s.Text("k", "")
	if s.Digest([]byte("a")) == s.Digest([]byte("b")) {
		t.Error("the digest does not depend on the key")
	}
}

func TestDigestHoldsTheContentOfAFileWhoseNameIsAskedForToo(t *testing.T) {
	digest := func(content string, ask func(*Section)) string {
		s := workspace(t, `ca = "c.pem"`, ReaderOptions{}, map[string]string{"c.pem": content})
		ask(s)
		return s.Digest([]byte("k"))
	}
	for name, ask := range map[string]func(*Section){
		"content":       func(s *Section) { s.File("ca") },
		"name, content": func(s *Section) { s.Text("ca", ""); s.File("ca") },
		"content, name": func(s *Section) { s.File("ca"); s.Text("ca", "") },
	} {
		if digest("one", ask) == digest("two", ask) {
			t.Errorf("%s: different content has the same digest", name)
		}
		if digest("one", ask) != digest("one", ask) {
			t.Errorf("%s: equal content has different digests", name)
		}
	}
}

// TestDigestsLeaveOutWhereAFileIs: machines may keep the same bytes in different
// places.
func TestDigestsLeaveOutWhereAFileIs(t *testing.T) {
	of := func(name, content string) (string, [sha256.Size]byte) {
		s := workspace(t, `tls = { ca = "`+name+`" }`, ReaderOptions{}, map[string]string{name: content})
		table := s.Table("tls")
		table.Text("ca", "")
		table.File("ca")
		return s.Digest(nil), s.Settings()
	}
	digest, settings := of("c.pem", "one")
	if moved, same := of("elsewhere.pem", "one"); moved != digest || same != settings {
		t.Error("the place of a file changed a digest")
	}
	if other, same := of("c.pem", "two"); other == digest || same != settings {
		t.Error("the content of a file must change the digest, and not the settings")
	}
}

// TestSettingsLeaveOutWhatBelongsToAMachine: they cover every other key.
func TestSettingsLeaveOutWhatBelongsToAMachine(t *testing.T) {
	base := asked(t, digestBase, nil).Settings()
	for _, more := range []string{
		`text = "x"`, `bool = true`, `int = 4`, `duration = "2h"`, `choice = "b"`, `mode = "0640"`, `texts = ["a", "b"]`, `map = { a = "b" }`,
		`value = "w"`, `tls = { text = "x" }`,
	} {
		if asked(t, digestBase+more, nil).Settings() == base {
			t.Errorf("%s changes nothing", more)
		}
	}
	for what, s := range map[string]*Section{
		"another secret":        asked(t, "type = \"x\"\npassword = { file = \"other\" }\n", nil),
		"other bytes":           asked(t, digestBase, map[string]string{"pw": "changed"}),
		"more secrets":          asked(t, digestBase+`keys = [{ file = "pw" }, { file = "other" }]`, nil),
		"a name in a file":      asked(t, digestBase+`user = { file = "pw" }`, nil),
		"a file":                asked(t, digestBase+`ca = "ca"`, nil),
		"a path":                asked(t, digestBase+`path = "/x"`, nil),
		"the pace":              asked(t, digestBase+`rate = "4/s"`, nil),
		"a default spelled out": asked(t, digestBase+`text = "default"`, nil),
	} {
		if s.Settings() != base {
			t.Errorf("%s changes the settings", what)
		}
	}
}
