package section

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/internal/duration"
)

// Has reports whether the key is present, whatever its value. The key then counts as
// known, so that a kind can refuse it with its own message.
func (s *Section) Has(key string) bool {
	if s.knows(s.table, key) == nil {
		s.known = append(s.known, knownKey{table: s.table, key: key})
	}
	return s.table.get(key) != nil
}

// Text returns a string, or the fallback if the key is absent.
func (s *Section) Text(key, fallback string) string {
	s.describe(key, Key{Form: FormText, Fallback: fallback})
	n := s.take(key, kindString, "a string in quotes")
	if n == nil {
		return fallback
	}
	if n.text != fallback {
		s.note(key, n.text)
	}
	return n.text
}

// Required returns a string that must be present and not blank. Otherwise it records a
// fault and returns the empty string.
func (s *Section) Required(key string) string {
	s.describe(key, Key{Form: FormText})
	if s.ask(key) == nil {
		s.Faultf(key, "is missing (expected a string)")
		return ""
	}
	n := s.take(key, kindString, "a string in quotes")
	if n == nil {
		return ""
	}
	if strings.TrimSpace(n.text) == "" {
		s.Faultf(key, "is empty (expected a string)")
		return ""
	}
	s.note(key, n.text)
	return n.text
}

// Value returns a string converted by parse, or the fallback if the key is absent. The
// error of parse says what was expected of a string; expected says it for values of other
// types.
func Value[T any](s *Section, key string, fallback T, expected string, parse func(string) (T, error)) T {
	s.describeValue(key, FormText, fallback)
	n := s.take(key, kindString, "%s", expected)
	if n == nil {
		return fallback
	}
	v, err := parse(n.text)
	if err != nil {
		s.Faultf(key, "%v", err)
		return fallback
	}
	if !reflect.DeepEqual(v, fallback) {
		s.note(key, n.text)
	}
	return v
}

// Bool returns a boolean, or the fallback if the key is absent.
func (s *Section) Bool(key string, fallback bool) bool {
	s.describeValue(key, FormBool, fallback)
	n := s.takeLiteral(key, kindBool, "true or false, without quotes")
	if n == nil {
		return fallback
	}
	v := n.text == "true"
	if v != fallback {
		s.note(key, n.text)
	}
	return v
}

// takeLiteral is take for values written without quotes. In a row such a value is parsed
// from the text of its column.
func (s *Section) takeLiteral(key string, want kind, expected string) *node {
	e := s.ask(key)
	if e == nil || e.node.kind != kindString || !e.node.filled {
		return s.take(key, want, "%s", expected)
	}
	n := &node{kind: want, line: e.line, text: strings.TrimSpace(e.node.text)}
	_, isInt := n.integer()
	if want == kindInteger && !isInt || want == kindBool && n.text != "true" && n.text != "false" {
		s.Faultf(key, "%s is not %s (expected %s)", quote(e.node.text), want, strings.TrimSuffix(expected, ", without quotes"))
		return nil
	}
	return n
}

// Int returns an integer, or the fallback if the key is absent.
func (s *Section) Int(key string, fallback int) int {
	s.describeValue(key, FormInt, fallback)
	n := s.takeLiteral(key, kindInteger, "an integer, without quotes")
	if n == nil {
		return fallback
	}
	v, ok := n.integer()
	if !ok {
		s.Faultf(key, "is out of range (expected an integer)")
		return fallback
	}
	if v != fallback {
		s.note(key, strconv.Itoa(v))
	}
	return v
}

// Duration returns a positive duration ("90s", "12h", "5d"), or the fallback if the key is
// absent.
func (s *Section) Duration(key string, fallback time.Duration) time.Duration {
	s.describeValue(key, FormDuration, fallback)
	n := s.take(key, kindString, `a duration in quotes such as "90s", "12h" or "5d"`)
	if n == nil {
		return fallback
	}
	d, err := duration.Parse(n.text)
	switch {
	case err != nil:
		s.Faultf(key, "%v", err)
		return fallback
	case d <= 0:
		s.Faultf(key, "%q is not above zero (expected a duration such as \"90s\")", n.text)
		return fallback
	}
	if d != fallback {
		s.note(key, d.String())
	}
	return d
}

// Choice returns one of the allowed strings, or the fallback if the key is absent.
func (s *Section) Choice(key, fallback string, allowed ...string) string {
	expected := `"` + strings.Join(allowed, `" or "`) + `"`
	if len(allowed) > 2 {
		expected = "one of " + strings.Join(allowed, ", ")
	}
	s.describe(key, Key{Form: FormChoice, Fallback: fallback, Choices: allowed})
	n := s.take(key, kindString, "%s", expected)
	if n == nil {
		return fallback
	}
	if !slices.Contains(allowed, n.text) {
		s.Faultf(key, "%s is not known (expected %s)", quote(n.text), expected)
		return fallback
	}
	if n.text != fallback {
		s.note(key, n.text)
	}
	return n.text
}

// quote quotes a value of the file for a fault, cut if it is long.
func quote(text string) string {
	if runes := []rune(text); len(runes) > 64 {
		text = string(runes[:64]) + "…"
	}
	return strconv.Quote(text)
}

// Mode returns the permission bits of a file, written as a string ("0640"), or the fallback
// if the key is absent.
func (s *Section) Mode(key string, fallback fs.FileMode) fs.FileMode {
	s.describe(key, Key{Form: FormMode, Fallback: fmt.Sprintf("%04o", fallback)})
	n := s.take(key, kindString, `a mode in quotes such as "0640"`)
	if n == nil {
		return fallback
	}
	bits, err := strconv.ParseUint(n.text, 8, 32)
	if err != nil || len(n.text) < 3 || len(n.text) > 4 || bits > 0o777 {
		s.Faultf(key, `%s is no mode (expected e.g. "0640")`, quote(n.text))
		return fallback
	}
	if mode := fs.FileMode(bits); mode != fallback {
		s.note(key, strconv.FormatUint(bits, 8))
		return mode
	}
	return fallback
}

// Texts returns an array of strings, or nil if the key is absent.
func (s *Section) Texts(key string) []string {
	s.describe(key, Key{Form: FormTexts})
	n := s.take(key, kindArray, `an array of strings such as ["…"]`)
	if n == nil {
		return nil
	}
	texts := make([]string, 0, len(n.items))
	for i, item := range n.items {
		if item.kind != kindString {
			s.record(item.line, s.child(key), "element %d is %s (expected a string in quotes)", i+1, item.kind)
			continue
		}
		s.note(key+"\x00"+strconv.Itoa(len(texts)), item.text)
		texts = append(texts, item.text)
	}
	return texts
}

// Entry is one key of a table of strings.
type Entry struct{ Key, Text string }

// TextMap returns a table of strings in the order of the file, or nil if the key is absent.
func (s *Section) TextMap(key string) []Entry {
	s.describe(key, Key{Form: FormTextMap})
	n := s.take(key, kindTable, `a table of strings such as { NAME = "…" }`)
	if n == nil {
		return nil
	}
	entries := make([]Entry, 0, len(n.table.keys))
	for _, e := range n.table.keys {
		if e.node.kind != kindString {
			expected := "a string in quotes"
			if e.node.kind == kindTable && e.node.table.origin != headed {
				expected += `; a name with a dot is quoted too: "a.b" = "…"`
			}
			s.mismatch(e, append(s.child(key), e.key), expected)
			continue
		}
		s.note(key+"\x00"+e.key, e.node.text)
		entries = append(entries, Entry{e.key, e.node.text})
	}
	return entries
}

// Table returns the sub-table at key, or nil if it is absent. Finish checks its keys
// together with those of the object.
func (s *Section) Table(key string) *Section {
	s.describe(key, Key{Form: FormTable})
	n := s.take(key, kindTable, "a table such as { … }")
	if n == nil {
		return nil
	}
	sub := &Section{
		object: s.object, table: n.table, line: s.table.get(key).line, quiet: s.quiet,
		path: s.child(key), below: slices.Concat(s.below, []string{key}),
	}
	s.tables = append(s.tables, sub)
	return sub
}

var plainName = regexp.MustCompile(`^[^/\x00]+$`)

// FilePath returns an absolute path. A relative one starts at the folder of the
// configuration file. It is empty if the key is absent or empty.
func (s *Section) FilePath(key string) string {
	path := s.filePath(key)
	if path != "" {
		s.noteLocal(key, path)
	}
	return path
}

func (s *Section) filePath(key string) string {
	s.describe(key, Key{Form: FormPath})
	n := s.take(key, kindString, "a path in quotes")
	if n == nil || n.text == "" {
		return ""
	}
	if problem := pathProblem(n.text); problem != "" {
		s.Faultf(key, "%s", problem)
		return ""
	}
	return s.absolute(n.text)
}

func (s *Section) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(s.folder, path)
}
