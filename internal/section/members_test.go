package section

import (
	"strings"
	"testing"
)

func TestMembersMixTextsNumbersAndSecrets(t *testing.T) {
	t.Setenv("VALUES_KEY", "hidden")
	s, err := Parse("providers.x", `headers = { "X-Key" = { env = "VALUES_KEY" }, plain = "${a.b}", n = 3, yes = true, wrong = [1] }`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, v := range s.Members("headers") {
		line := v.Key + "=" + v.Text.Reveal()
		if v.Literal {
			line += " literal"
		}
		if v.Secret {
			line += " secret"
		}
		got = append(got, line)
	}
	if want := "X-Key=hidden secret|plain=${a.b}|n=3 literal|yes=true literal"; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
	faults := s.Finish()
	if len(faults) != 1 || faults[0].Key != "providers.x.headers.wrong" {
		t.Errorf("got faults %v", faults)
	}
	if asked := s.Asked(); len(asked) != 1 {
		t.Errorf("asked for %q, want only the table", asked)
	}
}

func TestMembersAreInTheDigest(t *testing.T) {
	digest := func(text string) string {
		s, err := Parse("providers.x", text)
		if err != nil {
			t.Fatal(err)
		}
		s.Members("params")
		s.TextOrTexts("resource")
		return s.Digest([]byte("k"))
	}
	base := digest(`params = { a = "1" }`)
	for _, other := range []string{`params = { a = "2" }`, `params = { b = "1" }`, `params = { a = "1" }` + "\n" + `resource = "r"`} {
		if digest(other) == base {
			t.Errorf("%s has the same digest", other)
		}
	}
	if digest(`resource = "r"`) != digest(`resource = ["r"]`) {
		t.Error("a list of one and its text have different digests")
	}
}

func TestTextOrTexts(t *testing.T) {
	s, err := Parse("credentials.x", "one = \"a\"\nmany = [\"a\", \"b\"]\nwrong = 3")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(s.TextOrTexts("one"), " "); got != "a" {
		t.Errorf("one is %q", got)
	}
	if got := strings.Join(s.TextOrTexts("many"), " "); got != "a b" {
		t.Errorf("many is %q", got)
	}
	if got := s.TextOrTexts("none"); got != nil {
		t.Errorf("none is %q", got)
	}
	if s.TextOrTexts("wrong"); !s.Failed() {
		t.Error("a number was accepted as a text")
	}
}
