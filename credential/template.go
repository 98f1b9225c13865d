package credential

import (
	"fmt"
	"strings"
)

// Ref names one field of one credential.
type Ref struct{ Credential, Field string }

// String returns the reference as it is written in a template.
func (r Ref) String() string { return "${" + r.Credential + "." + r.Field + "}" }

// Template is text with references of the form ${credential.field}. Nothing
// else is interpreted; $${ stands for a literal ${.
type Template struct{ parts []part }

// part is literal text, or a reference when ref.Credential is set.
type part struct {
	text string
	ref  Ref
}

// ParseTemplate reads text. It reports every reference that is not closed or
// not of the form credential.field; the template holds the others then, and is
// good for finding more faults only.
func ParseTemplate(text string) (Template, []error) {
	var t Template
	var lit strings.Builder
	var faults []error
	for text != "" {
		i := strings.Index(text, "${")
		if i < 0 {
			lit.WriteString(text)
			break
		}
		if i > 0 && text[i-1] == '$' {
			lit.WriteString(text[:i-1])
			lit.WriteString("${")
			text = text[i+2:]
			continue
		}
		lit.WriteString(text[:i])
		text = text[i+2:]
		end := strings.IndexByte(text, '}')
		if next := strings.Index(text, "${"); end < 0 || next >= 0 && next < end {
			faults = append(faults, fmt.Errorf("a ${ is not closed, the one before %q (expected ${credential.field}; write $${ for a literal ${)", beginning(text)))
			continue // what follows may hold more
		}
		inner := text[:end]
		text = text[end+1:]
		name, field, ok := strings.Cut(inner, ".")
		if !ok || name == "" || field == "" || strings.ContainsAny(inner, " \t\r\n${") {
			faults = append(faults, fmt.Errorf("${%s} is no reference (expected ${credential.field}; write $${ for a literal ${)", inner))
			continue
		}
		if lit.Len() > 0 {
			t.parts = append(t.parts, part{text: lit.String()})
			lit.Reset()
		}
		t.parts = append(t.parts, part{ref: Ref{name, field}})
	}
	if lit.Len() > 0 {
		t.parts = append(t.parts, part{text: lit.String()})
	}
	return t, faults
}

// beginning is enough of a text to find it by.
func beginning(text string) string {
	const most = 20
	for n := range text {
		if n >= most {
			return text[:n] + "…"
		}
	}
	return text
}

// Refs returns the references in the order of the text, each once.
func (t Template) Refs() []Ref {
	var refs []Ref
	seen := map[Ref]bool{}
	for _, p := range t.parts {
		if p.ref.Credential != "" && !seen[p.ref] {
			seen[p.ref] = true
			refs = append(refs, p.ref)
		}
	}
	return refs
}

// Expand fills the references from the set. A credential or field that is
// missing or empty is an error, never an empty text.
func (t Template) Expand(set Set) (Secret, error) {
	var b strings.Builder
	for _, p := range t.parts {
		if p.ref.Credential == "" {
			b.WriteString(p.text)
			continue
		}
		v, ok := set[p.ref.Credential].Field(p.ref.Field)
		if !ok {
			return Secret{}, fmt.Errorf("%s has no value", p.ref)
		}
		b.WriteString(v.Reveal())
	}
	return NewSecret(b.String()), nil
}
