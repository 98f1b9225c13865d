package env

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The rules of EnvironmentFile= stand in systemd.exec(5) and in systemd's
// src/basic/env-file.c, which this file follows state by state.

// systemdState is where the reader is in the file.
type systemdState uint8

const (
	preKey systemdState = iota
	inKey
	preValue
	inValue
	escaped
	singleQuoted
	doubleQuoted
	doubleEscaped
	inComment
	commentEscaped
)

// readSystemd sees the file as systemd since 254 does.
func readSystemd(content []byte) ([]assignment, error) { return scanSystemd(content, false) }

// readOldSystemd sees it as systemd before 254 does: a comment that ends with
// a backslash goes on in the next line.
func readOldSystemd(content []byte) ([]assignment, error) { return scanSystemd(content, true) }

// systemdScan is one walk over a file.
type systemdScan struct {
	old   bool
	state systemdState
	opens int // where a quote was opened

	keyAt int // where the key starts
	keyTo int // its end, without trailing blanks
	from  int // where the value starts, behind the blanks
	value []byte
	// blankFrom is the length of the value up to its trailing blanks, -1 when
	// it ends with something else.
	blankFrom int

	list []assignment
}

func scanSystemd(content []byte, old bool) ([]assignment, error) {
	s := systemdScan{old: old, blankFrom: -1}
	for i, c := range content {
		s.step(content, i, c)
	}
	switch s.state {
	case singleQuoted, doubleQuoted, doubleEscaped:
		r := refusalf("line %d: %s (close it)", lineOf(content, s.opens), unclosedQuote)
		r.torn = true
		return nil, r
	case preValue, inValue, escaped:
		s.push(content, len(content))
	case preKey, inKey, inComment, commentEscaped:
	}
	return s.list, nil
}

// step takes one byte. It is long because it is one table: a case a state.
func (s *systemdScan) step(content []byte, i int, c byte) {
	newline, space := c == '\n' || c == '\r', c == ' ' || c == '\t' || c == '\n' || c == '\r'
	switch s.state {
	case preKey:
		switch {
		case c == '#' || c == ';':
			s.state = inComment
		case !space:
			s.state, s.keyAt, s.keyTo = inKey, i, i+1
		}
	case inKey:
		switch {
		case newline:
			s.state = preKey
		case c == '=':
			s.state, s.from, s.value, s.blankFrom = preValue, i+1, nil, -1
		case !space:
			s.keyTo = i + 1
		}
	case preValue:
		switch {
		case newline:
			s.push(content, i)
		case c == '\'':
			s.state, s.opens = singleQuoted, i
		case c == '"':
			s.state, s.opens = doubleQuoted, i
		case c == '\\':
			s.state = escaped
		case !space:
			s.state = inValue
			s.value = append(s.value, c)
		case s.from == i:
			s.from = i + 1
		}
	case inValue:
		switch {
		case newline:
			s.push(content, i)
		case c == '\\':
			s.state, s.blankFrom = escaped, -1
		default:
			if !space {
				s.blankFrom = -1
			} else if s.blankFrom < 0 {
				s.blankFrom = len(s.value)
			}
			s.value = append(s.value, c)
		}
	case escaped:
		s.state = inValue
		if !newline {
			s.value = append(s.value, c)
		}
	case singleQuoted:
		if c == '\'' {
			s.state = preValue
		} else {
			s.value = append(s.value, c)
		}
	case doubleQuoted:
		switch c {
		case '"':
			s.state = preValue
		case '\\':
			s.state = doubleEscaped
		default:
			s.value = append(s.value, c)
		}
	case doubleEscaped:
		s.state = doubleQuoted
		switch {
		case strings.IndexByte("\"\\`$", c) >= 0:
			s.value = append(s.value, c)
		case c != '\n':
			s.value = append(s.value, '\\', c)
		}
	case inComment:
		switch {
		case c == '\\':
			s.state = commentEscaped
		case newline:
			s.state = preKey
		}
	case commentEscaped:
		s.state = inComment
		if newline && !s.old {
			s.state = preKey
		}
	}
}

// push ends an assignment at to.
func (s *systemdScan) push(content []byte, to int) {
	value := s.value
	if s.state == inValue && s.blankFrom >= 0 {
		value = value[:s.blankFrom]
	}
	s.list = append(s.list, assignment{
		key: string(content[s.keyAt:s.keyTo]), from: min(s.from, to), to: to, value: string(value), literal: true,
	})
	s.state = preKey
}

// quoteSystemd writes a value for EnvironmentFile=. Inside double quotes the
// reader drops the backslash before these four characters only.
func quoteSystemd(key, value string) (string, error) {
	for i, r := range value {
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(value[i:], "\ufffd"):
			return "", errors.New("is no valid UTF-8, and systemd refuses a file with such a value (use a sink of type file)")
		case r >= 0xfdd0 && r <= 0xfdef, r&0xfffe == 0xfffe:
			return "", errors.New("holds a character that Unicode sets aside, and systemd refuses a file with such a value (use a sink of type file)")
		case unicode.IsControl(r) && r != '\t' && r != '\n':
			return "", errors.New("holds a control character, and older versions of systemd drop such a variable (use a sink of type file)")
		}
	}
	switch {
	case len(key)+len("=")+len(value)+1 > maxVariable:
		return "", errTooLong
	case plain(value):
		return value, nil
	}
	var b bytes.Buffer
	b.WriteByte('"')
	for i := range len(value) {
		if strings.IndexByte("\"\\`$", value[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(value[i])
	}
	b.WriteByte('"')
	return b.String(), nil
}
