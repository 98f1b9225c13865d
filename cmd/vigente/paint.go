package main

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vigented/vigente/daemon/view"
)

// paint colours words by their class, if colours are on.
type paint struct{ on bool }

const (
	codeReset = "\x1b[0m"
	codeDim   = "\x1b[2m"
	codeBold  = "\x1b[1m"
)

var classCodes = map[string]string{
	view.ClassGood: "\x1b[32m",
	view.ClassWarn: "\x1b[33m",
	view.ClassBad:  "\x1b[31m",
}

func (p paint) class(class, text string) string { return p.wrap(classCodes[class], text) }
func (p paint) dim(text string) string          { return p.wrap(codeDim, text) }
func (p paint) bold(text string) string         { return p.wrap(codeBold, text) }

func (p paint) wrap(code, text string) string {
	if !p.on || code == "" || text == "" {
		return text
	}
	return code + text + codeReset
}

// cell is one field of a table.
type cell struct{ text, class string }

// row is a line of a table with its notes below.
type row struct {
	cells []cell
	notes []string
}

// table writes rows in aligned columns.
type table struct {
	heads []string
	rows  []row
}

func (t table) write(w io.Writer, p paint) {
	widths := make([]int, len(t.heads))
	for i, head := range t.heads {
		widths[i] = utf8.RuneCountInString(head)
	}
	for _, r := range t.rows {
		for i, c := range r.cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	var out strings.Builder
	line := func(cells []cell, style func(cell) string) {
		for i, c := range cells {
			out.WriteString(style(c))
			if slices.ContainsFunc(cells[i+1:], func(c cell) bool { return c.text != "" }) {
				out.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2))
			}
		}
		out.WriteByte('\n')
	}
	heads := make([]cell, len(t.heads))
	for i, head := range t.heads {
		heads[i] = cell{text: head}
	}
	line(heads, func(c cell) string { return p.bold(c.text) })
	for _, r := range t.rows {
		line(r.cells, func(c cell) string { return p.class(c.class, c.text) })
		for _, note := range r.notes {
			out.WriteString("  " + note + "\n")
		}
	}
	_, _ = io.WriteString(w, out.String())
}
