package sinks_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

func parse(t *testing.T, text string) *section.Section {
	t.Helper()
	s, err := section.Parse("sinks.x", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTexts(t *testing.T) {
	s := parse(t, "values = { B = \"<${c.token}>${d.token}\", A = \"${c.token}\" }")
	texts := sinks.ReadTexts(s, "values")
	if faults := s.Finish(); len(faults) > 0 || len(texts) != 2 || texts[0].Name != "B" || texts[0].At != "values.B" {
		t.Fatalf("got %+v, %v", texts, faults)
	}
	secret := func(v string) credential.Credential {
		return credential.Credential{Generation: 1, Values: map[string]credential.Secret{"token": credential.NewSecret(v)}}
	}
	values, err := sinks.Expand(texts, credential.Set{"c": secret("1"), "d": secret("2")})
	if err != nil || values[0].Reveal() != "<1>2" || values[1].Reveal() != "1" {
		t.Errorf("got %q, %v", values, err)
	}
	if m := sinks.ByName(texts, values); len(m) != 2 || m["B"].Reveal() != "<1>2" {
		t.Error("ByName maps the wrong values")
	}
	_, err = sinks.Expand(texts, credential.Set{"c": secret("1")})
	wantFault(t, err, credential.ReasonInternal, "values.B: ${d.token} has no value")
	if p := texts[0].Placeholder().Reveal(); p != "<"+strings.Repeat("0", 40)+">"+strings.Repeat("0", 40) {
		t.Errorf("got placeholder %q", p)
	}
	var refs []string
	for _, r := range sinks.Refs(texts) {
		refs = append(refs, r.Key+r.String())
	}
	if want := []string{"values.B${c.token}", "values.B${d.token}", "values.A${c.token}"}; !slices.Equal(refs, want) {
		t.Errorf("got references %q, want %q", refs, want)
	}
}

func TestJudge(t *testing.T) {
	s := credential.NewSecret
	want := map[string]credential.Secret{"a": s("1"), "b": s("2")}
	for _, c := range []struct {
		name  string
		seen  []sinks.Seen
		state sinks.State
		found int
	}{
		{"same", []sinks.Seen{{Name: "a", Value: s("1")}, {Name: "b", Value: s("2")}, {Name: "a", Value: s("1")}}, sinks.Same, 0},
		{"others do not count", []sinks.Seen{{Name: "a", Value: s("1")}, {Name: "b", Value: s("2")}, {Name: "c", Value: s("")}}, sinks.Same, 0},
		{"nothing", nil, sinks.Missing, 0},
		{"one missing", []sinks.Seen{{Name: "a", Value: s("1")}}, sinks.Missing, 0},
		{"one empty", []sinks.Seen{{Name: "a"}, {Name: "b", Value: s("2")}}, sinks.Empty, 0},
		{"one missing, one empty", []sinks.Seen{{Name: "a"}}, sinks.Missing, 0},
		{"one other, one missing", []sinks.Seen{{Name: "a", Value: s("x")}}, sinks.Other, 1},
		{"one other, one empty", []sinks.Seen{{Name: "a", Value: s("x")}, {Name: "b"}}, sinks.Other, 1},
		{"other twice", []sinks.Seen{{Name: "a", Value: s("x")}, {Name: "a", Value: s("y")}, {Name: "b", Value: s("2")}}, sinks.Other, 2},
		{"spoiled", []sinks.Seen{{Name: "a", Value: s("1"), Spoiled: true}, {Name: "b", Value: s("2")}}, sinks.Other, 1},
	} {
		f := sinks.Judge(want, c.seen)
		if f.State != c.state || len(f.Found["a"])+len(f.Found["b"]) != c.found {
			t.Errorf("%s: got state %v with %d values", c.name, f.State, len(f.Found["a"]))
		}
	}
	if got := fmt.Sprint(sinks.Same, sinks.Empty, sinks.Missing, sinks.Other); got != "same empty missing other" {
		t.Errorf("got state names %s", got)
	}
}

func TestText(t *testing.T) {
	s := parse(t, "content = \"${c.token}\"")
	text := sinks.ReadText(s, "content")
	if faults := s.Finish(); len(faults) > 0 || text.Name != "content" || text.At != "content" {
		t.Errorf("got %+v, %v", text, faults)
	}
	for keys, says := range map[string]string{
		"":                                "content: is missing",
		"content = \"${c\"":               "content: the ${ before",
		"values = \"x\"":                  "values: is a string",
		"values = {}":                     "values: is empty",
		"values = { A = \"\" }":           "values.A: is empty",
		"values = { A = 1, B = \"${}\" }": "values.B: ${} is not a valid reference",
	} {
		s := parse(t, keys)
		if strings.HasPrefix(says, "content") {
			sinks.ReadText(s, "content")
		} else {
			sinks.ReadTexts(s, "values")
		}
		if faults := s.Finish(); !slices.ContainsFunc(faults, func(f section.Fault) bool { return strings.Contains(f.Error(), says) }) {
			t.Errorf("%q: got faults %v", keys, faults)
		}
	}
}
