// Package filled handles configured texts that are sent to a backend: a
// literal, a secret, or a template with ${credential.field}.
package filled

import (
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
)

// Text is such a text. The zero value is empty.
type Text struct {
	key    string // of the configuration, for messages
	secret credential.Secret
	parts  []part
}

// part is a literal or a reference.
type part struct {
	text string
	ref  credential.Ref
}

// Secret returns a text that is a secret, or any other value without
// references.
func Secret(v credential.Secret) Text { return Text{secret: v} }

// Parse parses the references of a text, and reports faults at key.
func Parse(s *section.Section, key, text string) Text {
	text = s.References(key, text)
	_, faults := credential.ParseTemplate(text)
	for _, err := range faults {
		s.Faultf(key, "%v", err)
	}
	t := Text{key: key}
	for text != "" && len(faults) == 0 {
		i := strings.Index(text, "${")
		switch {
		case i < 0:
			t.add(part{text: text})
			return t
		case i > 0 && text[i-1] == '$':
			t.add(part{text: text[:i-1] + "${"})
			text = text[i+2:]
			continue
		}
		inner, rest, _ := strings.Cut(text[i+2:], "}")
		name, field, _ := strings.Cut(inner, ".")
		t.add(part{text: text[:i]})
		t.add(part{ref: credential.Ref{Credential: name, Field: field}})
		text = rest
	}
	return t
}

func (t *Text) add(p part) {
	if p.text != "" || p.ref.Credential != "" {
		t.parts = append(t.parts, p)
	}
}

// Member reads a member of a table whose values are texts, numbers or secrets.
func Member(s *section.Section, key string, m section.Member) Text {
	if m.Secret || m.Literal {
		t := Secret(m.Text)
		t.key = key
		return t
	}
	return Parse(s, key, m.Text.Reveal())
}

// IsZero reports whether the text is empty.
func (t Text) IsZero() bool { return t.secret.IsZero() && len(t.parts) == 0 }

// Refs returns the references in order.
func (t Text) Refs() (refs []credential.Ref) {
	for _, p := range t.parts {
		if p.ref.Credential != "" {
			refs = append(refs, p.ref)
		}
	}
	return refs
}

// Expand replaces the references with values of the credentials. encode, if not
// nil, encodes each value, and also a secret that is the whole text. A missing
// value is a fault that names the key.
func (t Text) Expand(inputs map[string]credential.Credential, encode func(string) string) (string, *credential.Fault) {
	if encode == nil {
		encode = func(text string) string { return text }
	}
	var b strings.Builder
	b.WriteString(encode(t.secret.Reveal()))
	for _, p := range t.parts {
		if p.ref.Credential == "" {
			b.WriteString(p.text)
			continue
		}
		v, ok := inputs[p.ref.Credential].Field(p.ref.Field)
		if !ok {
			return "", &credential.Fault{Reason: credential.ReasonInternal, Message: t.key + ": " + p.ref.String() + " has no value"}
		}
		b.WriteString(encode(v.Reveal()))
	}
	return b.String(), nil
}

// RefsAt returns all references of texts, each with its key.
func RefsAt(texts ...Text) (refs []credential.RefAt) {
	for _, t := range texts {
		for _, r := range t.Refs() {
			refs = append(refs, credential.RefAt{Ref: r, Key: t.key})
		}
	}
	return refs
}
