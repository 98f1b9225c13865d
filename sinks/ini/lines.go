package ini

import "bytes"

// line is one line of the file as offsets: its text is [start, end), its
// terminator [end, next). Only the last line may lack a terminator.
type line struct{ start, end, next int }

// lines iterates over the lines of a file. Lines end with LF; CRs directly
// before it belong to the terminator. In a file without LF, lines end with CR.
// A byte order mark belongs to no line.
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

// next returns the next line. A terminator at the end of the file is not
// followed by an empty line.
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

// dominant returns the most frequent terminator, the first one seen in case of
// a tie, and LF for a file without terminators.
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

// kind is how an AppServer interprets a line.
type kind uint8

const (
	blank    kind = iota // only blanks
	comment              // ; or # or //
	header               // [name]
	unclosed             // [name without the closing bracket
	keyed                // name=value
	junk                 // anything else
)

// blanks are trimmed around names and values. They are all ASCII, so no byte of
// another encoding is mistaken for one.
const blanks = " \t\v\f\r"

// classify returns the kind of a line, and the name in it.
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

// sameName compares names like an AppServer: ignoring the case of ASCII letters
// only. bytes.EqualFold would equate the Kelvin sign and k.
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

// fold returns the form under which names that sameName equates are identical.
func fold(name string) string {
	b := []byte(name)
	for i, c := range b {
		b[i] = lower(c)
	}
	return string(b)
}
