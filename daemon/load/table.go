package load

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// record is one row of a table before it is checked.
type record struct {
	file    string // as shown in faults
	line    int    // of its first line
	values  map[string]string
	fields  []string // in the order of the header; the next record overwrites them
	problem string   // why it is not a valid row
}

// tableError says why the whole table cannot be used.
type tableError struct {
	line int
	text string
}

func (e *tableError) Error() string { return e.text }

func unusable(line int, format string, args ...any) error {
	return &tableError{line, fmt.Sprintf(format, args...)}
}

// readTable reads a table in the format of RFC 4180, with commas or semicolons. It
// calls header once and then row for each row.
func readTable(data []byte, windows bool, header func([]string) error, row func(record) error) error {
	text, err := decoded(data, windows)
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return unusable(1, "is empty (expected a header and rows; an empty file is treated as one that is being saved)")
	}
	skipped := 0
	comma := ','
	if first, rest, _ := bytes.Cut(text, []byte("\n")); bytes.HasPrefix(bytes.ToLower(first), []byte("sep=")) {
		if sep := bytes.TrimSpace(first[len("sep="):]); len(sep) == 1 && sep[0] == ';' {
			comma = ';'
		}
		text, skipped = rest, 1
	}
	if first, _, _ := bytes.Cut(text, []byte("\n")); bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		comma = ';'
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma, r.FieldsPerRecord, r.ReuseRecord = comma, -1, true
	return eachRecord(r, text, skipped, header, row)
}

func eachRecord(r *csv.Reader, text []byte, skipped int, header func([]string) error, row func(record) error) error {
	var columns []string
	rows := 0
	for {
		from := r.InputOffset()
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		line := skipped + 1
		if len(fields) > 0 && err == nil {
			at, _ := r.FieldPos(0)
			line = skipped + at
		}
		rec := record{line: line, fields: fields}
		if parse, ok := errors.AsType[*csv.ParseError](err); ok {
			rec.line, rec.problem = skipped+parse.StartLine, "has a quote in a place where none may be (expected a field with quotes in it to be quoted, and the quotes doubled)"
			if openAtEnd(text[from:], r.InputOffset() == int64(len(text))) {
				return unusable(rec.line, "is cut off: a quote is never closed (expected a complete table; one that is just being saved looks like this)")
			}
		} else if err != nil {
			return unusable(line, "cannot be read (expected a table of rows)")
		}
		if columns == nil {
			if rec.problem != "" {
				return unusable(rec.line, "%s", rec.problem)
			}
			columns = slices.Clone(fields)
			if err := header(columns); err != nil {
				return err
			}
			continue
		}
		rows++
		last := r.InputOffset() == int64(len(text))
		if rec.problem == "" && len(fields) != len(columns) {
			if last && len(fields) < len(columns) && text[len(text)-1] != '\n' {
				return unusable(line, "is cut off: the last row has %d of %d fields and no line end (expected a complete table; one that is just being saved looks like this)", len(fields), len(columns))
			}
			rec.problem = fmt.Sprintf("has %d fields (expected %d, as the header has)", len(fields), len(columns))
		}
		if rec.problem == "" && slices.ContainsFunc(fields, func(f string) bool { return !utf8.ValidString(f) }) {
			rec.problem = `is not UTF-8 (expected UTF-8, or encoding = "windows-1252" in the fleet's table)`
		}
		if err := row(rec); err != nil {
			return err
		}
	}
	if columns == nil || rows == 0 {
		return unusable(skipped+1, "has no rows (expected at least one below the header; a table without rows is taken for one that is just being saved)")
	}
	return nil
}

// openAtEnd reports whether an unreadable record extends to the end of the file
// because a quote is never closed.
func openAtEnd(rest []byte, atEnd bool) bool {
	return atEnd && bytes.Count(rest, []byte(`"`))%2 == 1
}

// decoded returns the text of a table as UTF-8 without a byte order mark.
func decoded(data []byte, windows bool) ([]byte, error) {
	if bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")) {
		return nil, unusable(1, "is UTF-16 (expected UTF-8: save it as CSV UTF-8)")
	}
	if rest, ok := bytes.CutPrefix(data, []byte("\xef\xbb\xbf")); ok {
		return rest, nil // a byte order mark means UTF-8
	}
	if windows {
		return charmap.Windows1252.NewDecoder().Bytes(data)
	}
	return data, nil
}
