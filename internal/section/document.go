package section

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// document parses a TOML file into a tree that knows the line of every key.
type document struct {
	file   string
	data   []byte
	lines  []int // offset of the start of each line
	parser unstable.Parser
	root   *table
	faults []Fault

	current *table // the table that key-value lines belong to
	path    []string
}

// parseDocument parses TOML. The tree is nil after a syntax error. After other faults,
// such as a duplicate key, the tree holds the first value.
func parseDocument(file string, data []byte) (*table, []Fault) {
	data, line, problem := decodeText(data)
	if problem == "" {
		line, problem = bounded(data)
	}
	if problem != "" {
		return nil, []Fault{{File: file, Line: line, Key: "toml", Message: problem}}
	}
	d := &document{file: file, data: data, root: newTable(headed)}
	d.current = d.root
	d.lines = append(d.lines, 0)
	for i, c := range data {
		if c == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	d.parser.Reset(data)
	for d.parser.NextExpression() {
		d.expression(d.parser.Expression())
	}
	if err := d.parser.Error(); err != nil {
		return nil, append(d.faults, d.syntaxFault(err))
	}
	return d.root, d.faults
}

// decodeText drops the byte order mark that some editors write. It reports a problem if
// the first bytes show that the file is not UTF-8.
func decodeText(data []byte) (text []byte, line int, problem string) {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return nil, 1, "the file is UTF-16 (expected UTF-8: save it as UTF-8)"
	case bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		data = data[3:]
	}
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return nil, 1 + bytes.Count(data[:i], []byte("\n")), "the file holds a zero byte (expected UTF-8 text)"
	}
	return data, 0, ""
}

// checkScalar reports a number or a date that is well formed but out of range, which the
// library notices when it decodes, not when it parses. We do not let it decode the whole
// document, because its search for duplicates takes quadratic time in the number of
// tables.
func (d *document) checkScalar(n *node, path []string) {
	if _, ok := n.integer(); ok {
		return
	}
	var v struct{ X any }
	err := toml.Unmarshal([]byte("X = "+n.text), &v)
	if err == nil {
		return
	}
	message := strings.TrimPrefix(err.Error(), "toml: ")
	if n.kind == kindFloat {
		message = "number is out of range" // the library's message quotes the value
	}
	d.faultf(n.line, path, "%s (expected valid TOML)", message)
}

func (d *document) syntaxFault(err error) Fault {
	line := len(d.lines)
	if pe, ok := errors.AsType[*unstable.ParserError](err); ok {
		// Highlight is a slice of the document's array, so cap gives its offset.
		if at := cap(d.data) - cap(pe.Highlight); at >= 0 && at <= len(d.data) {
			line = d.lineAt(at)
		}
	}
	fix := " (expected valid TOML; text, modes, durations and shares stand in quotes)"
	if strings.Contains(err.Error(), "UTF-8") {
		fix = " (expected UTF-8: save the file as UTF-8)"
	}
	return Fault{File: d.file, Line: line, Key: d.guessKey(line), Message: oneLine(err.Error()) + fix}
}

// guessKey returns the key that an invalid line seems to set.
func (d *document) guessKey(line int) string {
	path := slices.Clone(d.path)
	text := d.data[d.lines[line-1]:]
	if end := bytes.IndexByte(text, '\n'); end >= 0 {
		text = text[:end]
	}
	if before, _, ok := bytes.Cut(text, []byte("=")); ok {
		if key := strings.TrimSpace(string(before)); key != "" && shown(key) == key {
			path = append(path, key)
		}
	}
	if len(path) == 0 {
		return "toml"
	}
	return dotted(path)
}

func (d *document) lineAt(offset int) int {
	i, found := slices.BinarySearch(d.lines, offset)
	if found {
		i++
	}
	return max(i, 1)
}

func (d *document) faultf(line int, path []string, format string, args ...any) {
	d.faults = append(d.faults, Fault{File: d.file, Line: line, Key: dotted(path), Message: oneLine(fmt.Sprintf(format, args...))})
}

// expression adds one top-level expression to the tree.
func (d *document) expression(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		keys, lines := d.keysOf(n.Key())
		d.current, d.path = d.header(keys, lines, n.Kind == unstable.ArrayTable), keys
	case unstable.KeyValue:
		d.keyValue(d.current, d.path, n)
	}
}

func (d *document) keysOf(it unstable.Iterator) (keys []string, lines []int) {
	for it.Next() {
		k := it.Node()
		keys = append(keys, string(k.Data))
		lines = append(lines, d.lineAt(int(k.Raw.Offset)))
	}
	return keys, lines
}

// header returns the table that a [header] or [[header]] opens. If the header conflicts
// with the tree, its lines go to a table that is dropped.
func (d *document) header(keys []string, lines []int, array bool) *table {
	t := d.root
	last := len(keys) - 1
	for i, key := range keys[:last] {
		e := t.get(key)
		if e == nil {
			next := newTable(implied)
			t.add(key, lines[i], &node{kind: kindTable, line: lines[i], table: next})
			t = next
			continue
		}
		next := openTable(e.node)
		if next == nil || next.origin == inline {
			d.faultf(lines[i], keys[:i+1], "already has a value at line %d (expected a table for [%s])", e.line, dotted(keys))
			return newTable(headed)
		}
		t = next
	}
	key, line, opened := keys[last], lines[last], newTable(headed)
	e := t.get(key)
	switch {
	case e == nil && array:
		t.add(key, line, &node{kind: kindArray, line: line, items: []*node{{kind: kindTable, line: line, table: opened}}})
	case e == nil:
		t.add(key, line, &node{kind: kindTable, line: line, table: opened})
	case array && e.node.kind == kindArray && openTable(e.node) != nil && openTable(e.node).origin != inline:
		e.node.items = append(e.node.items, &node{kind: kindTable, line: line, table: opened})
	case !array && e.node.kind == kindTable && e.node.table.origin == implied:
		e.node.table.origin = headed
		e.line, e.node.line = line, line
		return e.node.table
	default:
		d.faultf(line, keys, "already defined at line %d (expected each name once)", e.line)
	}
	return opened
}

// openTable returns the table to which further keys below n belong.
func openTable(n *node) *table {
	switch {
	case n.kind == kindTable:
		return n.table
	case n.kind == kindArray && len(n.items) > 0 && n.items[len(n.items)-1].kind == kindTable:
		return n.items[len(n.items)-1].table
	}
	return nil
}

// keyValue adds key = value to t. The key may be dotted.
func (d *document) keyValue(t *table, path []string, n *unstable.Node) {
	keys, lines := d.keysOf(n.Key())
	last := len(keys) - 1
	full := slices.Concat(path, keys)
	for i, key := range keys[:last] {
		e := t.get(key)
		if e == nil {
			next := newTable(byDotted)
			t.add(key, lines[i], &node{kind: kindTable, line: lines[i], table: next})
			t = next
			continue
		}
		if e.node.kind != kindTable || e.node.table.origin != byDotted {
			d.faultf(lines[i], full[:len(path)+i+1], "already has a value at line %d (expected each key once)", e.line)
			return
		}
		t = e.node.table
	}
	value := d.value(n.Value(), lines[last], full)
	if e := t.get(keys[last]); e != nil {
		d.faultf(lines[last], full, "already defined at line %d (expected each key once)", e.line)
		return
	}
	t.add(keys[last], lines[last], value)
}

// value makes a node. line is the line of its key, or of the array around it.
func (d *document) value(n *unstable.Node, line int, path []string) *node {
	if n.Raw.Length > 0 {
		line = d.lineAt(int(n.Raw.Offset))
	}
	v := &node{line: line}
	switch n.Kind {
	case unstable.String:
		v.kind, v.text = kindString, string(n.Data)
	case unstable.Integer:
		v.kind, v.text = kindInteger, string(n.Data)
		d.checkScalar(v, path)
	case unstable.Float:
		v.kind, v.text = kindFloat, string(n.Data)
		d.checkScalar(v, path)
	case unstable.Bool:
		v.kind, v.text = kindBool, string(n.Data)
	case unstable.Array:
		v.kind = kindArray
		for it := n.Children(); it.Next(); {
			v.items = append(v.items, d.value(it.Node(), line, path))
		}
	case unstable.InlineTable:
		v.kind, v.table = kindTable, newTable(byDotted)
		for it := n.Children(); it.Next(); {
			d.keyValue(v.table, path, it.Node())
		}
		v.table.close()
	default:
		v.kind, v.text = kindDate, string(n.Data)
		d.checkScalar(v, path)
	}
	return v
}

// close marks an inline table and all tables below it as complete.
func (t *table) close() {
	t.origin = inline
	for _, e := range t.keys {
		if e.node.kind == kindTable {
			e.node.table.close()
		}
	}
}
