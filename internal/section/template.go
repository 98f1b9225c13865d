package section

import (
	"fmt"
	"slices"
	"strings"
)

// Template is a table whose texts may contain {column}. Filled with the columns of a row, it
// is an ordinary table.
type Template struct {
	object *object
	line   int
	path   []string
	fields []field
}

// field is one key of a template.
type field struct {
	key  string
	line int
	node *node
	// The field is a text made of parts, or an array or table with inner fields. With neither it
	// is the same in every row.
	parts  []part
	inner  []field
	filled bool // it, or something below it, contains a column
}

// part is literal text, the text of a column, or the name of the row's own credential.
type part struct {
	text   string
	column string
	this   bool
}

// Template returns the table at key as a template, or nil if the key is absent or, after a
// fault, not a table. Its keys are checked after it is filled.
func (s *Section) Template(key string) *Template {
	s.describe(key, Key{Form: FormTable})
	n := s.take(key, kindTable, "a table [%s]", dotted(s.child(key)))
	if n == nil {
		return nil
	}
	t := &Template{object: s.object, line: s.table.get(key).line, path: s.child(key)}
	t.fields = s.fieldsOf(n.table, t.path)
	return t
}

// Templates returns each table below key as a template. Its name is the last element of its
// path.
func (s *Section) Templates(key string) []*Template {
	s.describe(key, Key{Form: FormTable})
	n := s.take(key, kindTable, "[%s.NAME] tables", dotted(s.child(key)))
	if n == nil {
		return nil
	}
	var list []*Template
	for _, e := range n.table.keys {
		path := s.child(key, e.key)
		if e.node.kind != kindTable {
			s.record(e.line, path, "is %s (expected a table [%s])", e.node.kind, dotted(path))
			continue
		}
		list = append(list, &Template{object: s.object, line: e.line, path: path, fields: s.fieldsOf(e.node.table, path)})
	}
	return list
}

// Name returns the last element of the template's path.
func (t *Template) Name() string { return t.path[len(t.path)-1] }

// fieldsOf converts the keys of a table to fields.
func (s *Section) fieldsOf(t *table, path []string) []field {
	fields := make([]field, len(t.keys))
	for i, e := range t.keys {
		fields[i] = s.fieldOf(e.key, e.line, e.node, append(slices.Clone(path), e.key))
	}
	return fields
}

func (s *Section) fieldOf(key string, line int, n *node, path []string) field {
	f := field{key: key, line: line, node: n}
	switch n.kind {
	case kindString:
		parts, problem := splitColumns(n.text)
		if problem != "" {
			s.record(line, path, "%s", problem)
		}
		if len(parts) > 1 || len(parts) == 1 && (parts[0].column != "" || parts[0].this || parts[0].text != n.text) {
			f.parts, f.filled = parts, true
		}
	case kindArray:
		for _, item := range n.items {
			f.inner = append(f.inner, s.fieldOf("", item.line, item, path))
		}
	case kindTable:
		f.inner = s.fieldsOf(n.table, path)
	default:
	}
	for _, below := range f.inner {
		f.filled = f.filled || below.filled
	}
	return f
}

// splitColumns splits a text at each {column}. {{ is a literal brace. ${…} is a reference, in
// which "this" is the row's own credential.
func splitColumns(text string) (parts []part, problem string) {
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, part{text: literal.String()})
			literal.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		rest := text[i:]
		switch {
		case strings.HasPrefix(rest, "$${"):
			literal.WriteString("$${")
			i += 2
		case strings.HasPrefix(rest, "${this."):
			literal.WriteString("${")
			flush()
			parts = append(parts, part{this: true})
			i += len("${this") - 1
		case strings.HasPrefix(rest, "${"):
			literal.WriteString("${")
			i++
		case strings.HasPrefix(rest, "{{"):
			literal.WriteByte('{')
			i++
		case rest[0] == '{':
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return nil, "holds a { that is not closed (expected {column}; write {{ for a literal brace)"
			}
			flush()
			parts = append(parts, part{column: rest[1:end]})
			i += end
		default:
			literal.WriteByte(rest[0])
		}
	}
	flush()
	return parts, ""
}

// Text is a text of a fleet that may contain {column}, outside a template.
type Text struct{ parts []part }

// ColumnText parses a text that may contain columns.
func ColumnText(text string) (Text, error) {
	parts, problem := splitColumns(text)
	if problem != "" {
		return Text{}, fmt.Errorf("%s", problem)
	}
	return Text{parts}, nil
}

// Fill returns the text for one row.
func (t Text) Fill(column func(string) string) string {
	var b strings.Builder
	for _, p := range t.parts {
		if p.column != "" {
			b.WriteString(column(p.column))
		} else {
			b.WriteString(p.text)
		}
	}
	return b.String()
}

// Columns returns the columns of a text, in order.
func (t Text) Columns() []string {
	var names []string
	for _, p := range t.parts {
		if p.column != "" {
			names = append(names, p.column)
		}
	}
	return names
}

// Check records the columns of the template that are not known.
func (t *Template) Check(s *Section, known func(string) bool, header string) {
	var walk func(fields []field, path []string)
	walk = func(fields []field, path []string) {
		for _, f := range fields {
			at := path
			if f.key != "" {
				at = append(slices.Clone(path), f.key)
			}
			for _, p := range f.parts {
				if p.column != "" && !known(p.column) {
					s.record(f.line, at, "there is no column %q (expected one of the table's: %s; write {{ for a literal brace)", p.column, header)
				}
			}
			walk(f.inner, at)
		}
	}
	walk(t.fields, t.path)
}

// Row is the data for a template.
type Row struct {
	File   string // as shown in faults
	Line   int
	Name   string // of the row's own credential
	Column func(string) string
}

// Fill makes the table of one row. Faults are reported at the line of the row.
func (t *Template) Fill(path []string, row Row) *Section {
	o := &object{file: row.File, folder: t.object.folder, reader: t.object.reader, bare: true}
	if spare := o.reader.spare; len(spare) > 0 {
		o.known, o.reader.spare = spare[len(spare)-1], spare[:len(spare)-1]
	}
	o.top = &Section{object: o, table: fill(t.fields, row), line: row.Line, path: path}
	o.tables = append(o.tables, o.top)
	return o.top
}

func fill(fields []field, row Row) *table {
	t := &table{origin: headed, keys: make([]*entry, len(fields))}
	entries := make([]entry, len(fields))
	for i, f := range fields {
		entries[i] = entry{key: f.key, line: row.Line, node: fillNode(f, row)}
		t.keys[i] = &entries[i]
	}
	return t
}

func fillNode(f field, row Row) *node {
	if !f.filled {
		return f.node
	}
	n := &node{kind: f.node.kind, line: row.Line}
	switch f.node.kind {
	case kindArray:
		for _, item := range f.inner {
			n.items = append(n.items, fillNode(item, row))
		}
	case kindTable:
		n.table = fill(f.inner, row)
		n.table.origin = f.node.table.origin
	default:
		n.text, n.template, n.filled = fillText(f.parts, row)
	}
	return n
}

// fillText returns the text for a row, and the same as a template of references, in which a
// column cannot add a reference. filled means the text consists of columns only, so it may
// be a number.
func fillText(parts []part, row Row) (text, template string, filled bool) {
	var plain, escaped strings.Builder
	for _, p := range parts {
		switch {
		case p.this:
			plain.WriteString(row.Name)
			escaped.WriteString(row.Name)
		case p.column != "":
			value := row.Column(p.column)
			plain.WriteString(value)
			escaped.WriteString(strings.ReplaceAll(value, "${", "$${"))
			filled = true
		default:
			plain.WriteString(p.text)
			escaped.WriteString(p.text)
		}
	}
	text, template = plain.String(), escaped.String()
	if template == text {
		template = ""
	}
	return text, template, filled
}

// ColumnsOf returns the columns used at a key of the template or below it, without
// duplicates.
func (t *Template) ColumnsOf(key string) []string {
	var found []string
	fields := t.fields
	for _, name := range strings.Split(key, ".") {
		i := slices.IndexFunc(fields, func(f field) bool { return f.key == name || shown(f.key) == name })
		if i < 0 {
			break
		}
		found = columnsIn(fields[i:i+1], nil)
		fields = fields[i].inner
	}
	return found
}

func columnsIn(fields []field, found []string) []string {
	for _, f := range fields {
		for _, p := range f.parts {
			if p.column != "" && !slices.Contains(found, p.column) {
				found = append(found, p.column)
			}
		}
		found = columnsIn(f.inner, found)
	}
	return found
}

// Written returns a digest of the text of the template.
func (t *Template) Written() [32]byte {
	s := &Section{object: t.object, table: &table{}}
	for i := range t.fields {
		s.table.keys = append(s.table.keys, &entry{key: t.fields[i].key, node: t.fields[i].node})
	}
	return s.Written()
}

// Place returns where the template begins, as FILE:LINE.
func (t *Template) Place() string { return fmt.Sprintf("%s:%d", t.object.file, t.line) }

// Fault returns a fault of a key of the template, at its line.
func (t *Template) Fault(key, message string) Fault {
	line := t.line
	if i := slices.IndexFunc(t.fields, func(f field) bool { return f.key == strings.Split(key, ".")[0] }); i >= 0 && key != "" {
		line = t.fields[i].line
	}
	path := dotted(t.path)
	if key != "" {
		path += "." + key
	}
	return Fault{File: t.object.file, Line: line, Key: path, Message: message}
}

// References returns the text at a key as a template of references. It differs from the text
// itself if a column of the row contains something that looks like a reference.
func (s *Section) References(key, text string) string {
	if _, e := s.table.find(key); e != nil && e.node.template != "" {
		return e.node.template
	}
	return text
}

// Columns returns the columns that the template uses, without duplicates.
func (t *Template) Columns() []string { return columnsIn(t.fields, nil) }

// AsWritten returns the text at a key as written. It is empty for another type of value.
func (s *Section) AsWritten(key string) string {
	if _, e := s.table.find(key); e != nil {
		return e.node.text
	}
	return ""
}

// Columns parses a file that is one row: a table of texts, numbers and booleans. If the file
// is not valid, it returns the line and the problem.
func Columns(file string, data []byte) (values map[string]string, line int, problem string) {
	if len(strings.TrimSpace(string(data))) == 0 {
		return nil, 1, "is empty (expected the columns of a row; an empty file is treated as one that is being saved)"
	}
	root, faults := parseDocument(file, data)
	if len(faults) > 0 {
		return nil, faults[0].Line, faults[0].Key + ": " + faults[0].Message
	}
	values = make(map[string]string, len(root.keys))
	for _, e := range root.keys {
		if e.node.kind == kindArray || e.node.kind == kindTable {
			return nil, e.line, fmt.Sprintf("%s: is %s (expected a text, a number, true or false)", shown(e.key), e.node.kind)
		}
		values[e.key] = e.node.text
	}
	return values, 1, ""
}
