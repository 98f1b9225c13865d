package section

import (
	"slices"
	"strconv"

	"github.com/vigented/vigente/credential"
)

// Member is one entry of a table that may contain texts, numbers and secrets.
type Member struct {
	Key string
	// Text is the text of the member.
	Text credential.Secret
	// Literal means it was written without quotes: a number or a boolean.
	Literal bool
	// Secret means it was written as a reference. Any other text may contain
	// ${credential.field}.
	Secret bool
}

// Members returns a table whose members are texts, numbers, booleans or references to
// secrets, in the order of the file, or nil if the key is absent.
func (s *Section) Members(key string) []Member {
	s.describe(key, Key{Form: FormMembers})
	n := s.take(key, kindTable, `a table such as { name = "…" }`)
	if n == nil {
		return nil
	}
	sub := s.inner(key, n)
	values := make([]Member, 0, len(n.table.keys))
	for _, e := range n.table.keys {
		if v, ok := sub.member(e); ok {
			values = append(values, v)
		}
	}
	return values
}

// inner returns the table at key. The caller checks its members.
func (s *Section) inner(key string, n *node) *Section {
	return &Section{
		object: s.object, table: n.table, line: s.table.get(key).line, quiet: s.quiet,
		path: s.child(key), below: slices.Concat(s.below, []string{key}),
	}
}

// member reads one entry of a mixed table.
func (s *Section) member(e *entry) (Member, bool) {
	v := Member{Key: e.key}
	switch e.node.kind {
	case kindString:
		v.Text = credential.NewSecret(e.node.text)
	case kindInteger, kindFloat, kindBool:
		v.Text, v.Literal = credential.NewSecret(e.node.text), true
	case kindTable:
		text := s.resolve(reference{key: e.key, part: e.key, line: e.line, node: e.node})
		return Member{Key: e.key, Text: text, Secret: true}, !text.IsZero()
	default:
		s.mismatch(e, s.child(e.key), "a string in quotes, a number, or a reference: "+referenceForm)
		return v, false
	}
	s.note(e.key, e.node.text)
	return v, true
}

// TextOrTexts returns an array of strings. A single string counts as an array of one. It
// returns nil if the key is absent.
func (s *Section) TextOrTexts(key string) []string {
	s.describe(key, Key{Form: FormTextOrTexts})
	e := s.ask(key)
	switch {
	case e == nil:
		return nil
	case e.node.kind == kindArray:
		return s.Texts(key)
	case e.node.kind != kindString:
		s.mismatch(e, s.child(key), `a string in quotes or an array of them`)
		return nil
	}
	s.note(key+"\x00"+strconv.Itoa(0), e.node.text)
	return []string{e.node.text}
}
