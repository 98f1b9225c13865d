package section

import (
	"strings"
	"testing"
)

func TestBrokenDocuments(t *testing.T) {
	const hint = " (expected valid TOML; text, modes, durations and shares stand in quotes)"
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"share without quotes", "[renewal]\n\nrenew_before = 25%\n", []string{`3: renewal.renew_before: expected newline but got U+0025 '%'` + hint}},
		{"unclosed array", "a = [1,\n2,\n", []string{`2: toml: array is incomplete` + hint}},
		{"unclosed string", "[x]\na = '''\n\n", []string{`3: x: multiline literal string not terminated by '''` + hint}},
		{"second fault after a duplicate", "a = 1\na = 2\nb = \n", []string{
			`2: a: already defined at line 1 (expected each key once)`,
			`3: b: unexpected character U+000A at start of value` + hint,
		}},
		{"UTF-16", "\xff\xfea\x00", []string{`1: toml: the file is UTF-16 (expected UTF-8: save it as UTF-8)`}},
		{"zero byte", "a = 1\n\x00", []string{`2: toml: the file holds a zero byte (expected UTF-8 text)`}},
		{"Latin-1", "a = 1\n# caf\xe9\n", []string{`2: toml: invalid UTF-8 character in comment (expected UTF-8: save the file as UTF-8)`}},
		{"Latin-1 in text", "a = \"caf\xe9\"\n", []string{`1: a: invalid UTF-8 character in basic string (expected UTF-8: save the file as UTF-8)`}},
		{"mode without quotes", "mode = 0640\n", []string{`1: mode: integers cannot have leading zeroes` + hint}},
	} {
		root, faults := parseDocument("c.toml", []byte(c.text))
		if root != nil {
			t.Errorf("%s: got a tree, want none after a syntax error", c.name)
		}
		t.Run(c.name, func(t *testing.T) { expect(t, faults, c.want...) })
	}
}

// TestContradictionsLeaveATree: a contradiction keeps the first value and gives one fault.
func TestContradictionsLeaveATree(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"keys twice", "a = 1\na = 2\n[t]\nb = 1\nb.c = 2\nb = 3\n", []string{
			`2: a: already defined at line 1 (expected each key once)`,
			`5: t.b: already has a value at line 4 (expected each key once)`,
			`6: t.b: already defined at line 4 (expected each key once)`,
		}},
		{"tables twice", "[t]\n[u]\n[t]\nx = 1\n[t]\n", []string{
			`3: t: already defined at line 1 (expected each name once)`,
			`5: t: already defined at line 1 (expected each name once)`,
		}},
		{"key as table", "t = 1\n[t.u]\n[[t]]\n", []string{
			`2: t: already has a value at line 1 (expected a table for [t.u])`,
			`3: t: already defined at line 1 (expected each name once)`,
		}},
		{"closed table", "t = { a = 1 }\nt.b = 2\n[t.c]\n", []string{
			`2: t: already has a value at line 1 (expected each key once)`,
			`3: t: already has a value at line 1 (expected a table for [t.c])`,
		}},
		{"inside an inline table", "t = { a = 1, a = 2, b.c = 1, b.c = 2 }\n", []string{
			`1: t.a: already defined at line 1 (expected each key once)`,
			`1: t.b.c: already defined at line 1 (expected each key once)`,
		}},
		{"table after array", "[[t]]\n[[t]]\n[t]\n", []string{`3: t: already defined at line 1 (expected each name once)`}},
		{"dotted then headed", "[t]\nb.c = 1\n[t.b]\n", []string{`3: t.b: already defined at line 2 (expected each name once)`}},
		{"number out of range", "a = 1\nb = 99999999999999999999\n", []string{
			`2: b: decimal number is too large to fit in a 64-bit signed integer (expected valid TOML)`,
		}},
		{"fraction out of range", "b = 1e999\n", []string{`1: b: number is out of range (expected valid TOML)`}},
		{"no such day", "b = 2024-13-45\n", []string{`1: b: impossible date (expected valid TOML)`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			root, faults := parseDocument("c.toml", []byte(c.text))
			if root == nil {
				t.Fatal("no tree")
			}
			expect(t, faults, c.want...)
		})
	}
}

func TestGoodDocumentsHaveNoFaults(t *testing.T) {
	for _, text := range []string{
		"", "# nothing\n", "\xef\xbb\xbfa = 1\r\n[b]\r\nc = 2\r\n",
		"[a.b]\n[a]\n[a.c]\n", "[[a]]\nx = 1\n[[a]]\n[a.b]\n[[a.c]]\n",
		"a.b = 1\na.c = 2\n", "a = { b = { c = [ { d = 1 } ] } }\n", "'' = 1\n\"\\u00e9\" = 2\n",
	} {
		if root, faults := parseDocument("c.toml", []byte(text)); root == nil || len(faults) > 0 {
			t.Errorf("%q: got faults %v", text, faults)
		}
	}
}

// TestLinesOfKeys checks the line of a key, in whatever form it is written.
func TestLinesOfKeys(t *testing.T) {
	const text = `include = [
  "a",
]
a.b.c = 1
[p.q]
x = { y = 1,
  z = { w = 2 } }
"q.r" = '''
long
'''
s = 5
[p]
late = 1
[p.q.deep.er]
k = 1
`
	root, faults := parseDocument("c.toml", []byte(text))
	expect(t, faults)
	for path, want := range map[string]int{
		"include": 1, "a": 4, "a.b": 4, "a.b.c": 4, "p": 12, "p.late": 13, "p.q": 5, "p.q.x": 6, "p.q.x.y": 6,
		"p.q.x.z": 7, "p.q.x.z.w": 7, "p.q.q.r": 8, "p.q.s": 11, "p.q.deep": 14, "p.q.deep.er": 14, "p.q.deep.er.k": 15,
	} {
		_, e := root.find(path)
		if e == nil {
			t.Errorf("%s is missing", path)
			continue
		}
		if e.line != want {
			t.Errorf("%s is at line %d, want %d", path, e.line, want)
		}
	}
}

func TestDeepNestingIsRefused(t *testing.T) {
	_, faults := parseDocument("c.toml", []byte("a = "+strings.Repeat("[", 100_000)))
	if len(faults) != 1 {
		t.Errorf("got faults %v", faults)
	}
}
