package ini

import (
	"bytes"
	"fmt"
)

// survey is what one walk over a file finds out about one section and some of
// its keys.
type survey struct {
	found bool // the section is there
	// anchor is the line after which a missing key goes: the last key=value
	// line of the section's first block, or its header.
	anchor line
	// hits are the lines of the wanted keys in all blocks of that name, in the
	// order of the file.
	hits []hit
	// last is the last line of the file, zero in an empty one.
	last line
}

// hit is one line of a wanted key.
type hit struct {
	key int // index into the wanted keys
	// from is where the value starts, behind the = and the blanks after it; to
	// is the end of the line's text.
	from, to int
}

// look walks over the content once. It refuses a file whose section header is
// not closed, since what stands in that section is anybody's guess.
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
		// An all-blank value loses its blanks.
		from += len(rest) - len(value)
	}
	return hit{key: key, from: from, to: l.end}
}

// Refusal says why a file or a value is not edited. It repeats neither.
type Refusal struct {
	text string
	// torn says that a save in progress may be the cause.
	torn bool
}

// Error returns what is wrong and what to do.
func (r *Refusal) Error() string { return r.text }

func refusalf(format string, args ...any) *Refusal {
	return &Refusal{text: fmt.Sprintf(format, args...)}
}
