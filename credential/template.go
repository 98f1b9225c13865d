package credential

import (
	"fmt"
	"slices"
	"strings"
)

// Ref names one field of one credential.
type Ref struct{ Credential, Field string }

// RefAt is a reference and the configuration key that contains it ("body",
// "values.TOKEN").
type RefAt struct {
	Ref

	Key string
}

// Named returns the names of the referenced credentials, sorted, without duplicates.
func Named(refs []RefAt) []string {
	var names []string
	for _, r := range refs {
		names = append(names, r.Credential)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// String returns the reference as written in a template.
func (r Ref) String() string { return "${" + r.Credential + "." + r.Field + "}" }

// Template is text with references of the form ${credential.field}. Nothing
// else is interpreted; $${ stands for a literal ${.
type Template struct{ parts []part }

// part is literal text, or a reference when ref.Credential is set.
type part struct {
	text string
	ref  Ref
}

// ParseTemplate parses text. It returns an error for every reference that is
// not closed or not of the form credential.field. The template then contains
// the valid references only and must not be expanded.
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
			faults = append(faults, fmt.Errorf("the ${ before %q is not closed (expected ${credential.field}; write $${ for a literal ${)", beginning(text)))
			continue // the rest may have more
		}
		inner := text[:end]
		text = text[end+1:]
		name, field, ok := strings.Cut(inner, ".")
		if !ok || name == "" || field == "" || strings.ContainsAny(inner, " \t\r\n${") {
			faults = append(faults, fmt.Errorf("${%s} is not a valid reference (expected ${credential.field}; write $${ for a literal ${)", inner))
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

// beginning returns the start of text, enough to find it in a file.
func beginning(text string) string {
	const most = 20
	for n := range text {
		if n >= most {
			return text[:n] + "…"
		}
	}
	return text
}

// Refs returns the references in order of appearance, without duplicates.
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

// Expand replaces the references with values from the set. A missing or empty
// credential or field is an error, never an empty string.
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
