package ini

import (
	"bytes"
	"fmt"
)

// survey is the result of one pass over a file, looking for one section and
// some of its keys.
type survey struct {
	found bool // the section exists
	// anchor is the line after which missing keys are inserted: the last
	// key=value line of the section's first block, or its header.
	anchor line
	// hits are the lines of the wanted keys in all blocks of that name, in file
	// order.
	hits []hit
	// last is the last line of the file, zero if it is empty.
	last line
}

// hit is one line of a wanted key.
type hit struct {
	key int // index into the wanted keys
	// from is the start of the value, after the = and its blanks; to is the end
	// of the line's text.
	from, to int
}

// look makes one pass over the content. It refuses a file whose section header
// is not closed, because the content of that section is ambiguous.
func look(content []byte, section string, keys []string) (survey, error) {
	var s survey
	inside, first := false, false
	number := 0
	for w := newLines(content); ; {
		l, ok := w.next()
		if !ok {
			return s, nil
		}
		number++
		s.last = l
		k, name := classify(content[l.start:l.end])
		switch k {
		case unclosed:
			if sameName(name, section) {
				r := refusalf("line %d: the header [%s is not closed (add the missing bracket)", number, section)
				r.torn = true
				return s, r
			}
			inside, first = false, false
		case header:
			inside = sameName(name, section)
			first = inside && !s.found
			if first {
				s.found, s.anchor = true, l
			}
		case keyed:
			if first {
				s.anchor = l
			}
			if i := wanted(name, keys); inside && i >= 0 {
				s.hits = append(s.hits, newHit(content, l, i))
			}
		case blank, comment, junk:
		}
	}
}

func wanted(name []byte, keys []string) int {
	for i, key := range keys {
		if sameName(name, key) {
			return i
		}
	}
	return -1
}

func newHit(content []byte, l line, key int) hit {
	from := l.start + bytes.IndexByte(content[l.start:l.end], '=') + 1
	rest := content[from:l.end]
	value := bytes.TrimLeft(rest, blanks)
	if len(value) > 0 {
		// A value of blanks only loses its blanks.
		from += len(rest) - len(value)
	}
	return hit{key: key, from: from, to: l.end}
}

// Refusal says why a file or a value was not edited. It quotes neither.
type Refusal struct {
	text string
	// torn means that a save in progress may be the cause.
	torn bool
}

// Error returns what is wrong and what to do.
func (r *Refusal) Error() string { return r.text }

func refusalf(format string, args ...any) *Refusal {
	return &Refusal{text: fmt.Sprintf(format, args...)}
}
