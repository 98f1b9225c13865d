package ini

import "bytes"

// line is one line of the file as offsets: its text is [start, end), and
// [end, next) is its terminator, empty only on the last line.
type line struct{ start, end, next int }

// lines walks over a file. Lines end with LF, and every CR directly before
// the LF belongs to the terminator; a file without any LF ends its lines with
// CR. A byte order mark belongs to no line.
type lines struct {
	content []byte
	sep     byte
	at      int
}

const mark = "\xef\xbb\xbf"

func newLines(content []byte) *lines {
	w := &lines{content: content, sep: '\n'}
	if bytes.IndexByte(content, '\n') < 0 && bytes.IndexByte(content, '\r') >= 0 {
		w.sep = '\r'
	}
	if bytes.HasPrefix(content, []byte(mark)) {
		w.at = len(mark)
	}
	return w
}

// next returns the next line. A file that ends with a terminator has no empty
// line after it.
func (w *lines) next() (line, bool) {
	if w.at >= len(w.content) {
		return line{}, false
	}
	l := line{start: w.at, end: len(w.content), next: len(w.content)}
	if i := bytes.IndexByte(w.content[w.at:], w.sep); i >= 0 {
		l.end, l.next = w.at+i, w.at+i+1
	}
	for l.end < l.next && l.end > l.start && w.content[l.end-1] == '\r' {
		l.end--
	}
	w.at = l.next
	return l, true
}

// dominant returns the terminator that most lines have, the first one seen
// among equals, and LF for a file that has none.
func dominant(content []byte) string {
	type tally struct {
		text string
		n    int
	}
	var seen []*tally
	byText := map[string]*tally{}
	for w := newLines(content); ; {
		l, ok := w.next()
		if !ok || l.end == l.next {
			break
		}
		t := byText[string(content[l.end:l.next])]
		if t == nil {
			t = &tally{text: string(content[l.end:l.next])}
			byText[t.text] = t
			seen = append(seen, t)
		}
		t.n++
	}
	best := tally{text: "\n"}
	for _, t := range seen {
		if t.n > best.n {
			best = *t
		}
	}
	return best.text
}

// kind is what a line is for an AppServer.
type kind uint8

const (
	blank    kind = iota // nothing but blanks
	comment              // ; or # or //
	header               // [name]
	unclosed             // [name without the bracket
	keyed                // name=value
	junk                 // anything else
)

// blanks are the bytes that are trimmed around names and values. They are
// ASCII, so that no byte of a code page is ever taken for a blank.
const blanks = " \t\v\f\r"

// classify tells what the text of a line is, and the name that it carries.
func classify(text []byte) (kind, []byte) {
	text = bytes.Trim(text, blanks)
	switch {
	case len(text) == 0:
		return blank, nil
	case text[0] == ';', text[0] == '#', bytes.HasPrefix(text, []byte("//")):
		return comment, nil
	case text[0] == '[':
		name, _, closed := bytes.Cut(text[1:], []byte("]"))
		if !closed {
			return unclosed, bytes.Trim(name, blanks)
		}
		return header, bytes.Trim(name, blanks)
	}
	name, _, found := bytes.Cut(text, []byte("="))
	if !found {
		return junk, nil
	}
	return keyed, bytes.Trim(name, blanks)
}

// sameName compares names as an AppServer does: without regard to the case of
// ASCII letters, and of no other. bytes.EqualFold would take the Kelvin sign
// for a k.
func sameName(a []byte, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// fold returns the form of a name under which sameName calls it equal.
func fold(name string) string {
	b := []byte(name)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}
