// Package section reads one table of the configuration at a time.
//
// A Section knows the line of every key. The owner of a table asks for its keys with typed
// getters. Getters record faults instead of returning them, so that one pass reports
// everything, and keys that were not asked for are faults too. Secrets and certificates are
// read through a Reader when they are asked for. The package does not know the kinds of
// providers and sinks, opens only files that a section refers to, and never puts a secret
// into a fault.
//
// A Section is not safe for concurrent use.
package section

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vigented/vigente/credential"
)

// Section is one table of the configuration.
type Section struct {
	*object
	table *table
	line  int
	path  []string // from the root of the document
	below []string // from the object
	quiet bool     // for the daemon's own keys: not part of the digest
}

// object is what a table shares with the tables below it, which are checked and finished
// together.
type object struct {
	file   string // as shown in faults
	folder string // absolute; relative paths start here
	reader *Reader
	top    *Section

	faults  []Fault // reported by the kind, or by the table's only owner
	own     []Fault // reported through the daemon's view
	missing []Fault // about what keys refer to
	slips   []Fault // about secrets that are used as they are

	tables []*Section                   // that were asked for, without duplicates
	known  []knownKey                   // that were asked for, without duplicates
	asked  []string                     // keys below the object, in the order of asking
	keys   map[string]Key               // descriptions of the keys in asked
	values map[string]credential.Secret // for the digest
	local  map[string]bool              // which of them belong to this machine
	files  map[string]bool              // which of them name a file that is read
	unread map[tableKey]bool
	read   []string // files
	places []Place
	bare   bool // made from a row: no record of what was asked is needed
	// referred holds where the value of an entry was read from.
	referred map[*entry]string
}

// knownKey is a key that was asked for. An object has few of them, and there may be a
// hundred thousand objects, so they are kept in a list.
type knownKey struct {
	table *table
	key   string
	asked bool // by a getter other than Has
}

// tableKey is one key of one table.
type tableKey struct {
	table *table
	key   string
}

// knows returns the record of a key, or nil if it was not asked for.
func (o *object) knows(t *table, key string) *knownKey {
	for i := range o.known {
		if k := &o.known[i]; k.table == t && k.key == key {
			return k
		}
	}
	return nil
}

// ParseFile parses the TOML text of one file. The section is the whole document, or nil
// after a syntax error.
func ParseFile(file string, data []byte, reader *Reader) (*Section, []Fault) {
	root, faults := parseDocument(file, data)
	if root == nil {
		return nil, faults
	}
	folder, err := filepath.Abs(filepath.Dir(file))
	if err != nil {
		folder = filepath.Dir(file)
	}
	return newObject(file, folder, reader, root, 1, nil), faults
}

// Parse parses one table from TOML text, for tests of kinds. path is the path of the table
// ("providers.loja") and text its keys. Secrets come from the process's environment and
// from files below the working directory.
func Parse(path, text string) (*Section, error) {
	const file = "config.toml"
	root, faults := parseDocument(file, []byte(text))
	if len(faults) > 0 {
		return nil, faults[0]
	}
	folder, err := filepath.Abs(".")
	if err != nil {
		return nil, err
	}
	return newObject(file, folder, NewReader(ReaderOptions{}), root, 1, strings.Split(path, ".")), nil
}

// Empty returns a table without keys, for a table that is absent from the file.
func Empty(file, path string, reader *Reader) *Section {
	return newObject(file, filepath.Dir(file), reader, newTable(implied), 1, strings.Split(path, "."))
}

func newObject(file, folder string, reader *Reader, t *table, line int, path []string) *Section {
	o := &object{
		file: file, folder: folder, reader: reader,
	}
	o.top = &Section{object: o, table: t, line: line, path: path}
	o.tables = []*Section{o.top}
	return o.top
}

// Recycle ends the reading of a row's table, so that the memory of its keys can be reused
// for another row.
func (s *Section) Recycle() {
	if s.bare && s.known != nil {
		s.reader.spare, s.known = append(s.reader.spare, s.known[:0]), nil
	}
}

// Name returns the last element of the path, which is the name of the object.
func (s *Section) Name() string {
	if len(s.path) == 0 {
		return ""
	}
	return s.path[len(s.path)-1]
}

// Path returns the table's path ("providers.loja").
func (s *Section) Path() string { return dotted(s.path) }

// Place returns where the table begins, as FILE:LINE.
func (s *Section) Place() string { return fmt.Sprintf("%s:%d", s.file, s.line) }

// Line returns the line at which the table begins.
func (s *Section) Line() int { return s.line }

// Source returns the file that holds the table, as shown in faults.
func (s *Section) Source() string { return s.file }

// Keys returns the keys of the table, in the order of the file.
func (s *Section) Keys() []string {
	keys := make([]string, len(s.table.keys))
	for i, e := range s.table.keys {
		keys[i] = e.key
	}
	return keys
}

// Daemon returns a view of the same table for keys that belong to the daemon and not to the
// kind: they are known, but not part of the digest.
func (s *Section) Daemon() *Section {
	view := *s
	view.quiet = true
	return &view
}

// Objects returns the tables below key as objects, each to be finished separately. A value
// that is not a table is a fault.
func (s *Section) Objects(key string) []*Section {
	n := s.take(key, kindTable, "[%s.NAME] tables", dotted(s.child(key)))
	if n == nil {
		return nil
	}
	var objects []*Section
	for _, e := range n.table.keys {
		path := append(s.child(key), e.key)
		if e.node.kind != kindTable {
			s.record(e.line, path, "is %s (expected a table [%s])", e.node.kind, dotted(path))
			continue
		}
		objects = append(objects, newObject(s.file, s.folder, s.reader, e.node.table, e.line, path))
	}
	return objects
}

// Object returns the table at key as an object, or nil if it is absent.
func (s *Section) Object(key string) *Section {
	n := s.take(key, kindTable, "a table [%s]", dotted(s.child(key)))
	if n == nil {
		return nil
	}
	return newObject(s.file, s.folder, s.reader, n.table, s.table.get(key).line, s.child(key))
}

// KeyOf returns the first key whose value is this string, or the empty key.
func (s *Section) KeyOf(text string) string {
	for _, e := range s.table.keys {
		if e.node.kind == kindString && e.node.text == text {
			return e.key
		}
	}
	return ""
}

// Faultf records what is wrong with a key. The empty key means the table itself, "a.b" the
// key b of the sub-table a. A missing key is reported at the line of its table. If the value
// was read from a file or a variable, the fault is one of that source.
func (s *Section) Faultf(key, format string, args ...any) {
	line, path := s.locate(key)
	if from := s.source(key); from != "" {
		s.miss(line, path, from, format, args...)
		return
	}
	s.record(line, path, format, args...)
}

// source returns where the value of a key was read from. It is empty if the value is in the
// configuration itself or was not read.
func (s *Section) source(key string) string {
	_, e := s.table.find(key)
	if e == nil {
		return ""
	}
	return s.referred[e]
}

// miss records that what a key refers to cannot be used.
func (s *Section) miss(line int, path []string, from, format string, args ...any) {
	f := Fault{File: s.file, Line: line, Key: dotted(path), Message: oneLine(fmt.Sprintf(format, args...)), Path: from}
	if !slices.Contains(s.missing, f) {
		s.missing = append(s.missing, f)
	}
}

// FaultAt is Faultf for a fault found after the section was finished: it returns the fault
// and does not record it.
func (s *Section) FaultAt(key, format string, args ...any) Fault {
	line, path := s.locate(key)
	return Fault{File: s.file, Line: line, Key: dotted(path), Message: oneLine(fmt.Sprintf(format, args...))}
}

// locate returns the line and the full path of a key, whether it is present or not.
func (s *Section) locate(key string) (int, []string) {
	if key == "" {
		return s.line, s.path
	}
	if elements, e := s.table.find(key); e != nil {
		return e.line, slices.Concat(s.path, elements)
	}
	for i := len(key) - 1; i > 0; i-- {
		if key[i] != '.' {
			continue
		}
		if elements, e := s.table.find(key[:i]); e != nil {
			return e.line, append(slices.Concat(s.path, elements), key[i+1:])
		}
	}
	return s.line, slices.Concat(s.path, strings.Split(key, "."))
}

func (s *Section) record(line int, path []string, format string, args ...any) {
	f := Fault{File: s.file, Line: line, Key: dotted(path), Message: oneLine(fmt.Sprintf(format, args...))}
	list := &s.faults
	if s.quiet {
		list = &s.own
	}
	*list = append(*list, f)
}

// Failed reports whether any fault has been recorded in the object. Faults of the daemon's
// own keys do not count, because a kind can work without them. Nor does what is missing: a
// getter then returns a substitute, so that the rest of the table is read, and what the
// kind opens is not used.
func (s *Section) Failed() bool { return len(s.faults) > 0 }

// Faults returns all faults recorded so far in the order of lines, including those of the
// daemon's own keys and of what is missing.
func (s *Section) Faults() []Fault {
	return Sort(slices.Concat(s.faults, s.own, s.missing), []string{s.file})
}

// Slips returns probable mistakes in the secrets of the object, such as a trailing blank.
// The secrets are used as they are.
func (s *Section) Slips() []Fault { return Sort(s.slips, []string{s.file}) }

// Asked returns the keys below the object that were asked for so far, in order, including
// those of the daemon.
func (s *Section) Asked() []string { return slices.Clone(s.asked) }

// Files returns the absolute paths of the files that the object refers to, in the order of
// asking, including those that could not be read.
func (s *Section) Files() []string { return slices.Clone(s.read) }

// Finish reports the keys of the object that were not asked for, and returns all faults of
// the object in the order of lines.
func (s *Section) Finish() []Fault {
	for _, t := range s.tables {
		t.reportUnknown()
	}
	return s.Faults()
}

func (s *Section) reportUnknown() {
	var unknown []*entry
	for _, e := range s.table.keys {
		if s.knows(s.table, e.key) == nil {
			unknown = append(unknown, e)
		}
	}
	if len(unknown) == 0 {
		return
	}
	type place struct {
		line int
		key  string
	}
	reported := map[place]bool{}
	for _, f := range slices.Concat(s.faults, s.own) {
		reported[place{f.Line, f.Key}] = true
	}
	known := s.askedKeys()
	for _, e := range unknown {
		path := slices.Concat(s.path, []string{e.key})
		if reported[place{e.line, dotted(path)}] {
			continue
		}
		what := "unknown key"
		if e.node.kind == kindTable && e.node.table.origin <= headed {
			what = "unknown table"
		}
		s.record(e.line, path, "%s (%s)", what, expectation(e.key, known))
	}
}

// askedKeys returns the keys of this table that a getter asked for, sorted.
func (s *Section) askedKeys() (known []string) {
	for _, k := range s.known {
		if k.table == s.table && k.asked {
			known = append(known, k.key)
		}
	}
	slices.Sort(known)
	return known
}

// expectation lists the known keys, or names the one that was probably meant.
func expectation(key string, known []string) string {
	for _, k := range known {
		if near(strings.ToLower(strings.ReplaceAll(key, "-", "_")), k) {
			return "did you mean " + k + "?"
		}
	}
	switch len(known) {
	case 0:
		return "expected no key here"
	case 1:
		return "expected " + known[0]
	}
	return "expected one of " + strings.Join(known, ", ")
}

// near reports whether two keys differ in at most one letter, or in two adjacent letters
// swapped.
func near(a, b string) bool {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return len(a) <= 1 && len(b) <= 1 || len(a) == 2 && len(b) == 2 && a[0] == b[1] && a[1] == b[0]
}

// child returns the path of a key of this table or of a table below it.
func (s *Section) child(keys ...string) []string { return slices.Concat(s.path, keys) }

// ask marks a key as known and returns its entry, or nil.
func (s *Section) ask(key string) *entry {
	k := s.knows(s.table, key)
	if k == nil {
		s.known = append(s.known, knownKey{table: s.table, key: key})
		k = &s.known[len(s.known)-1]
	}
	if !k.asked {
		if k.asked = true; !s.bare {
			s.asked = append(s.asked, dotted(slices.Concat(s.below, []string{key})))
		}
	}
	return s.table.get(key)
}

// take asks for a key whose value must be of one kind. It returns nil if the key is absent
// or, after a fault, of another kind.
func (s *Section) take(key string, want kind, expected string, args ...any) *node {
	e := s.ask(key)
	if e == nil {
		return nil
	}
	if e.node.kind != want {
		s.mismatch(e, s.child(key), fmt.Sprintf(expected, args...))
		return nil
	}
	return e.node
}

// mismatch reports a value of the wrong kind, once for all callers.
func (s *Section) mismatch(e *entry, path []string, expected string) {
	what, key := fmt.Sprintf("is %s (", e.node.kind), dotted(path)
	same := func(f Fault) bool { return f.Line == e.line && f.Key == key && strings.HasPrefix(f.Message, what) }
	if slices.ContainsFunc(s.faults, same) || slices.ContainsFunc(s.own, same) {
		return
	}
	s.record(e.line, path, "is %s (expected %s)", e.node.kind, expected)
}

// set sets a value in a map that may be nil.
func set[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[key] = value
}

// note adds a value to the digest, under the key or, for the members of an array or a table,
// a part of it.
func (s *Section) note(key, value string) {
	if !s.quiet {
		set(&s.values, s.noted(key), credential.NewSecret(value))
	}
}

// noteLocal is note for a value that belongs to this machine: a secret, or a file.
func (s *Section) noteLocal(key, value string) {
	s.note(key, value)
	set(&s.local, s.noted(key), true)
}

func (s *Section) noted(key string) string {
	if len(s.below) > 0 {
		return strings.Join(s.below, "\x00") + "\x00" + key
	}
	return key
}
