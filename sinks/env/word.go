package env

import "bytes"

// word is one word of a shell command: [from, to) as it is written, quotes and
// all.
type word struct {
	from, to int
	// text is the word without its quotes, when literal says that the shell
	// replaces nothing in it.
	text    []byte
	literal bool
}

// word reads the word at the present place.
func (s *shell) word() word {
	w := word{from: s.at, literal: true}
	for s.at < len(s.src) && !s.failed() {
		c := s.src[s.at]
		switch c {
		case ' ', '\t', '\n', ';', '&', '|', '(', ')', '<', '>':
			w.to = s.at
			return w
		case '\\':
			s.backslash(&w)
		case '\'':
			s.single(&w)
		case '"':
			s.double(&w)
		case '`':
			s.backtick()
			w.literal = false
		case '$':
			s.dollar()
			w.literal = false
		case '~', '*', '?', '[', '{':
			// Whether these are replaced depends on where the word stands.
			w.literal = false
			w.text = append(w.text, c)
			s.at++
		default:
			w.text = append(w.text, c)
			s.at++
		}
	}
	w.to = s.at
	return w
}

// backslash reads what is quoted by one; a quoted line end is no character.
func (s *shell) backslash(w *word) {
	if s.at+1 == len(s.src) {
		s.unended(s.at, "the file ends with a backslash")
		return
	}
	if s.src[s.at+1] != '\n' {
		w.text = append(w.text, s.src[s.at+1])
	}
	s.at += 2
}

func (s *shell) single(w *word) {
	length := bytes.IndexByte(s.src[s.at+1:], '\'')
	if length < 0 {
		s.unended(s.at, unclosedQuote)
		return
	}
	w.text = append(w.text, s.src[s.at+1:s.at+1+length]...)
	s.at += length + 2
}

const unclosedQuote = "a quote is opened and never closed"

func (s *shell) double(w *word) {
	opened := s.at
	s.at++
	for s.at < len(s.src) && !s.failed() {
		switch c := s.src[s.at]; c {
		case '"':
			s.at++
			return
		case '`':
			s.backtick()
			w.literal = false
		case '$':
			s.dollarQuoted()
			w.literal = false
		case '\\':
			if s.at+1 < len(s.src) && bytes.IndexByte([]byte("$`\"\\\n"), s.src[s.at+1]) < 0 {
				w.text = append(w.text, c)
				s.at++
				continue
			}
			s.backslash(w)
		default:
			w.text = append(w.text, c)
			s.at++
		}
	}
	s.unended(opened, unclosedQuote)
}

// backtick skips an old command substitution.
func (s *shell) backtick() {
	opened := s.at
	for s.at++; s.at < len(s.src); s.at++ {
		switch s.src[s.at] {
		case '\\':
			s.at++
		case '`':
			s.at++
			return
		}
	}
	s.unended(opened, "a backtick is opened and never closed")
}

// dollar skips an expansion outside quotes.
func (s *shell) dollar() {
	if s.at+1 < len(s.src) && s.src[s.at+1] == '\'' {
		// bash knows escapes in it, a POSIX shell does not.
		closing := bytes.IndexByte(s.src[s.at+2:], '\'')
		if closing < 0 || bytes.IndexByte(s.src[s.at+2:s.at+2+closing], '\\') >= 0 {
			s.fail(s.at, "shells disagree about $'…'")
			return
		}
		s.at += closing + 3
		return
	}
	s.dollarQuoted()
}

// maxDepth bounds how deep expansions may stand in each other: reading them
// takes a call each.
const maxDepth = 64

// dollarQuoted skips an expansion that may stand within double quotes.
func (s *shell) dollarQuoted() {
	s.at++
	if s.at == len(s.src) {
		return
	}
	s.depth++
	defer func() { s.depth-- }()
	if s.depth > maxDepth {
		s.fail(s.at, "expansions stand in each other too deep")
		return
	}
	switch s.src[s.at] {
	case '(':
		s.at++
		s.substitution()
	case '{':
		s.brace()
	case '[':
		s.fail(s.at, "shells disagree about $[…]")
	}
}

// brace skips ${…}. What quotes mean inside differs between shells.
func (s *shell) brace() {
	opened := s.at
	for s.at++; s.at < len(s.src) && !s.failed(); {
		switch s.src[s.at] {
		case '}':
			s.at++
			return
		case '\'', '"':
			s.fail(opened, "shells disagree about quotes in ${…}")
		case '\\':
			s.at += 2
		case '`':
			s.backtick()
		case '$':
			s.dollarQuoted()
		default:
			s.at++
		}
	}
	s.unended(opened, "a ${ is opened and never closed")
}
