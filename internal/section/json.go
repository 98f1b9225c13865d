package section

import (
	"slices"
	"strconv"

	"github.com/vigented/vigente/credential"
)

// JSONValue is a value that will be sent as JSON.
type JSONValue struct {
	// Key is its path below the object, for messages.
	Key string
	// Text is a text, which may contain ${credential.field} unless Secret is set. With
	// Literal, it is a number or a boolean as written.
	Text            credential.Secret
	Secret, Literal bool
	// Items are the elements of an array, Members those of a table. At most one of them is
	// not nil.
	Items   []JSONValue
	Members []NamedValue
}

// NamedValue is one member of a table.
type NamedValue struct {
	Name string
	JSONValue
}

// JSON returns a table to be sent as JSON: texts, numbers, booleans, arrays and tables, at
// any depth. A table whose only member is file, env or credential is a reference to a
// secret. It returns false if the key is absent.
func (s *Section) JSON(key string) (JSONValue, bool) {
	s.describe(key, Key{Form: FormJSON})
	n := s.take(key, kindTable, `a table such as { name = "…" }`)
	if n == nil {
		return JSONValue{}, false
	}
	return s.value(key, n, s.table.get(key).line)
}

func (s *Section) value(key string, n *node, line int) (v JSONValue, ok bool) {
	v = JSONValue{Key: key}
	switch n.kind {
	case kindString:
		v.Text = credential.NewSecret(n.text)
		s.note(key, n.text)
	case kindInteger, kindFloat, kindBool:
		v.Text, v.Literal = credential.NewSecret(n.text), true
		s.note(key, n.text)
	case kindArray:
		v.Items = []JSONValue{}
		for i, item := range n.items {
			inner, ok := s.value(key+"."+strconv.Itoa(i), item, item.line)
			if !ok {
				return v, false
			}
			v.Items = append(v.Items, inner)
		}
	case kindTable:
		return s.members(key, n, line)
	default:
		s.record(line, s.child(key), "is %s (expected a text, a number, true or false, an array or a table)", n.kind)
		return v, false
	}
	return v, true
}

func (s *Section) members(key string, n *node, line int) (v JSONValue, ok bool) {
	v = JSONValue{Key: key, Members: []NamedValue{}}
	if len(n.table.keys) == 1 && slices.Contains([]string{"file", "env", "credential"}, n.table.keys[0].key) {
		v.Members, v.Secret = nil, true
		v.Text = s.resolve(reference{key: key, part: key, line: line, node: n})
		return v, !v.Text.IsZero()
	}
	for _, e := range n.table.keys {
		inner, ok := s.value(key+"."+e.key, e.node, e.line)
		if !ok {
			return v, false
		}
		v.Members = append(v.Members, NamedValue{e.key, inner})
	}
	return v, true
}

// TextOrReference returns a text, or the secret of a reference. It returns false if the key
// is absent or wrong.
func (s *Section) TextOrReference(key string) (Member, bool) {
	s.describe(key, Key{Form: FormTextOrSecret})
	e := s.ask(key)
	if e == nil {
		return Member{}, false
	}
	return s.member(e)
}

// Rows returns an array of tables, each as a section, or nil if the key is absent.
func (s *Section) Rows(key string) []*Section {
	s.describe(key, Key{Form: FormRows})
	n := s.take(key, kindArray, `an array of tables such as [{ … }]`)
	if n == nil {
		return nil
	}
	var rows []*Section
	for i, item := range n.items {
		if item.kind != kindTable {
			s.record(item.line, s.child(key), "holds %s (expected an array of tables)", item.kind)
			continue
		}
		row := &Section{
			object: s.object, table: item.table, line: item.line, quiet: s.quiet,
			path: s.child(key, strconv.Itoa(i)), below: slices.Concat(s.below, []string{key}),
		}
		s.tables = append(s.tables, row)
		rows = append(rows, row)
	}
	return rows
}
