package main

import (
	"strings"
	"unicode/utf8"
)

const (
	narrowestWidth = 40
	noteIndent     = 2 // of the lines below a row
)

// look is how text is shown: colours and width. Output to a file or pipe has no
// width, so that a search finds a whole sentence on one line.
type look struct {
	paint

	width int // 0 means unlimited
}

// lookFor returns how text is shown on a stream.
func (a *app) lookFor(stream any) look {
	p := look{}
	if w, ok := stream.(interface{ Write([]byte) (int, error) }); ok {
		p.paint = paint{a.colours(w)}
	}
	if columns := width(stream); columns > 0 {
		p.width = max(narrowestWidth, columns)
	}
	return p
}

// fold breaks a text into lines at spaces. A word that is wider than the line
// stays whole, so that it can be copied. The result is empty only if the text is.
func (p look) fold(text, indent string) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = indent + word
		case p.width > 0 && noteIndent+utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > p.width:
			lines = append(lines, line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}
