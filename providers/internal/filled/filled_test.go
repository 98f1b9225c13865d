package filled

import (
	"net/url"
	"slices"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
)

func TestExpand(t *testing.T) {
	inputs := map[string]credential.Credential{
		"a": {Values: map[string]credential.Secret{"token": credential.NewSecret("x y")}},
	}
	for _, c := range []struct {
		text, want string
		refs       int
	}{
		{"plain", "plain", 0},
		{"", "", 0},
		{"${a.token}", "x+y", 1},
		{"Bearer ${a.token}!", "Bearer x+y!", 1},
		{"$${a.token} ${a.token}${a.token}", "${a.token} x+yx+y", 2},
		{"$ { $", "$ { $", 0},
	} {
		s, err := section.Parse("credentials.x", "")
		if err != nil {
			t.Fatal(err)
		}
		text := Parse(s, "body", c.text)
		got, f := text.Expand(inputs, url.QueryEscape)
		if f != nil || got != c.want || len(text.Refs()) != c.refs || s.Failed() {
			t.Errorf("%q: got %q with %d references, %v; want %q with %d", c.text, got, len(text.Refs()), f, c.want, c.refs)
		}
	}
}

func TestFaults(t *testing.T) {
	s, err := section.Parse("credentials.x", `body = "x"`)
	if err != nil {
		t.Fatal(err)
	}
	Parse(s, "body", "${a")
	if !s.Failed() {
		t.Error("no fault for a reference that is not closed")
	}
	_, f := Parse(s, "body", "${b.token}").Expand(nil, nil)
	if f == nil || f.Message != "body: ${b.token} has no value" {
		t.Errorf("missing value: got %v", f)
	}
	if got, f := Secret(credential.NewSecret("${a.token}")).Expand(nil, nil); f != nil || got != "${a.token}" {
		t.Errorf("got %q for a secret, want it unchanged", got)
	}
	needs := credential.Named(RefsAt(Parse(s, "x", "${b.t}${a.t}"), Parse(s, "x", "${a.u}")))
	if !slices.Equal(needs, []string{"a", "b"}) {
		t.Errorf("Needs = %q, want a and b", needs)
	}
}
