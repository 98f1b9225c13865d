package sinks

import (
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
)

// Text is one text that a sink writes.
type Text struct {
	// Name is the key under which it is written.
	Name string
	// At is the configuration key that contains it ("values.TOKEN").
	At string

	template credential.Template
}

// ReadText reads the text at a key, which is required.
func ReadText(s *section.Section, key string) Text {
	return parse(s, key, key, s.Required(key))
}

// ReadTexts reads a table of texts, which must not be empty.
func ReadTexts(s *section.Section, key string) []Text {
	var list []Text
	entries := s.TextMap(key)
	for _, e := range entries {
		at := key + "." + e.Key
		if e.Text == "" {
			s.Faultf(at, "is empty (expected text with a ${credential.field} in it)")
		}
		list = append(list, parse(s, e.Key, at, e.Text))
	}
	const expected = `expected a table such as { NAME = "${credential.field}" }`
	switch {
	case !s.Has(key):
		s.Faultf(key, "is missing (%s)", expected)
	case entries != nil && len(entries) == 0 && !s.Failed():
		s.Faultf(key, "is empty (%s)", expected)
	}
	return list
}

func parse(s *section.Section, name, at, text string) Text {
	t, faults := credential.ParseTemplate(s.References(at, text))
	for _, err := range faults {
		s.Faultf(at, "%v", err)
	}
	return Text{Name: name, At: at, template: t}
}

// Refs returns the references in the texts.
func Refs(texts []Text) []credential.RefAt {
	var refs []credential.RefAt
	for _, t := range texts {
		for _, r := range t.template.Refs() {
			refs = append(refs, credential.RefAt{Ref: r, Key: t.At})
		}
	}
	return refs
}

// Expand expands the texts with values from the set, in order. The error is a
// fault that names what is missing in the set.
func Expand(texts []Text, set credential.Set) ([]credential.Secret, error) {
	values := make([]credential.Secret, len(texts))
	for i, t := range texts {
		v, err := t.template.Expand(set)
		if err != nil {
			return nil, Faultf(err, "%s: %v", t.At, err)
		}
		values[i] = v
	}
	return values, nil
}

// Placeholder returns the text with zeros in place of its references, long
// enough to look like a token, to check whether a real value would be accepted.
func (t Text) Placeholder() credential.Secret {
	set := credential.Set{}
	for _, r := range t.template.Refs() {
		c, ok := set[r.Credential]
		if !ok {
			c.Values = map[string]credential.Secret{}
			set[r.Credential] = c
		}
		c.Values[r.Field] = credential.NewSecret(strings.Repeat("0", 40))
	}
	v, _ := t.template.Expand(set) // the set was built for the template
	return v
}
