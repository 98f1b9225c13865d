package section

import (
	"strconv"
	"strings"
)

// kind is the type of a TOML value.
type kind int

const (
	kindString kind = iota
	kindInteger
	kindFloat
	kindBool
	kindDate
	kindArray
	kindTable
)

// String returns the name of the kind for faults, with its article.
func (k kind) String() string {
	return [...]string{
		"a string", "an integer", "a number with a fraction", "true or false", "a date or a time", "an array", "a table",
	}[k]
}

// node is one value of the document.
type node struct {
	kind  kind
	line  int
	text  string  // the text of a string; any other scalar as written
	items []*node // of an array
	// For a text filled in from a row: the same as a template of references, if that differs,
	// and whether it consists of columns, so that it may be a number.
	template string
	filled   bool
	table    *table // of a table
}

// integer returns the value of an integer node.
func (n *node) integer() (int, bool) {
	if n.kind != kindInteger {
		return 0, false
	}
	v, err := strconv.ParseInt(n.text, 0, strconv.IntSize)
	return int(v), err == nil
}

// origin says how a table was created, which decides what may be added to it.
type origin int

const (
	implied  origin = iota // by a header below it: [a.b] implies a
	headed                 // by its own header
	byDotted               // by a dotted key: a.b = 1 makes a
	inline                 // { … }: closed
)

// table is one TOML table, with its keys in the order of the file.
type table struct {
	origin origin
	keys   []*entry
	byName map[string]*entry // for a table with many keys
}

// entry is one key of a table.
type entry struct {
	key  string
	line int
	node *node
}

func newTable(from origin) *table { return &table{origin: from} }

// fewKeys is the number of keys up to which a table is searched linearly.
const fewKeys = 8

// get returns the entry of a key, or nil.
func (t *table) get(key string) *entry {
	if t.byName != nil {
		return t.byName[key]
	}
	for _, e := range t.keys {
		if e.key == key {
			return e
		}
	}
	return nil
}

// add appends a key that is not in the table.
func (t *table) add(key string, line int, n *node) {
	e := &entry{key: key, line: line, node: n}
	t.keys = append(t.keys, e)
	if t.byName != nil {
		t.byName[key] = e
	} else if len(t.keys) > fewKeys {
		t.byName = make(map[string]*entry, 2*fewKeys)
		for _, known := range t.keys {
			t.byName[known.key] = known
		}
	}
}

// find returns the entry at a dotted path below t. It also finds a key that itself contains
// a dot.
func (t *table) find(path string) (elements []string, e *entry) {
	if e := t.get(path); e != nil {
		return []string{path}, e
	}
	for i := 0; i < len(path); i++ {
		if path[i] != '.' {
			continue
		}
		sub := t.get(path[:i])
		if sub == nil {
			continue
		}
		if below, e := sub.node.find(path[i+1:]); e != nil {
			return append([]string{path[:i]}, below...), e
		}
	}
	return nil, nil
}

// find returns the entry below a table, or below an array, whose elements are named by their
// indexes.
func (n *node) find(path string) (elements []string, e *entry) {
	switch n.kind {
	case kindTable:
		return n.table.find(path)
	case kindArray:
		number, rest, deeper := strings.Cut(path, ".")
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= len(n.items) {
			return nil, nil
		}
		if !deeper {
			return []string{number}, &entry{key: number, line: n.items[i].line, node: n.items[i]}
		}
		below, e := n.items[i].find(rest)
		return append([]string{number}, below...), e
	default:
		return nil, nil
	}
}
