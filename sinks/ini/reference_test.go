package ini_test

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// reference implements the rules of the editor a second time, to check one
// against the other: with patterns on a list of lines, one key at a time,
// regardless of cost.
type reference struct {
	bom   string
	rows  []row
	order []string // terminators in order of appearance
}

type row struct{ text, end string }

var (
	refHeader  = regexp.MustCompile(`(?s)^[ \t\v\f\r]*\[([^\]]*)\]`)
	refOpen    = regexp.MustCompile(`(?s)^[ \t\v\f\r]*\[([^\]]*)$`)
	refComment = regexp.MustCompile(`^[ \t\v\f\r]*(;|#|//)`)
	refKey     = regexp.MustCompile(`(?s)^[ \t\v\f\r]*([^=]*?)[ \t\v\f\r]*=[ \t\v\f\r]*`)
	refEnd     = regexp.MustCompile(`\r*\n$`)
)

func split(content string) *reference {
	r := &reference{}
	if after, ok := strings.CutPrefix(content, "\xef\xbb\xbf"); ok {
		r.bom, content = "\xef\xbb\xbf", after
	}
	sep := "\n"
	if !strings.Contains(content, "\n") {
		sep = "\r"
	}
	for _, text := range strings.SplitAfter(content, sep) {
		if text == "" {
			continue
		}
		end := refEnd.FindString(text)
		if sep == "\r" && strings.HasSuffix(text, "\r") {
			end = "\r"
		}
		r.rows = append(r.rows, row{strings.TrimSuffix(text, end), end})
		if end != "" {
			r.order = append(r.order, end)
		}
	}
	return r
}

func (r *reference) join() string {
	var b strings.Builder
	b.WriteString(r.bom)
	for _, row := range r.rows {
		b.WriteString(row.text + row.end)
	}
	return b.String()
}

// usual returns the most frequent terminator.
func (r *reference) usual() string {
	best, most := "\n", 0
	for _, end := range r.order {
		n := 0
		for _, other := range r.order {
			if other == end {
				n++
			}
		}
		if n > most {
			best, most = end, n
		}
	}
	return best
}

func asciiUpper(s string) string {
	b := []byte(s)
	for i := range b {
		if b[i] >= 'a' && b[i] <= 'z' {
			b[i] &^= 0x20
		}
	}
	return string(b)
}

func refTrim(s string) string { return strings.Trim(s, " \t\v\f\r") }

// blocks returns, for each row, the number of the section's block that contains
// it, from 1, or 0, and the positions of the headers.
func (r *reference) blocks(section string) (in []int, headers []int, err error) {
	now := 0
	in = make([]int, len(r.rows))
	for i, row := range r.rows {
		if m := refHeader.FindStringSubmatch(row.text); m != nil {
			now = 0
			if asciiUpper(refTrim(m[1])) == asciiUpper(section) {
				headers = append(headers, i)
				now = len(headers)
			}
			continue
		}
		if m := refOpen.FindStringSubmatch(row.text); m != nil {
			if asciiUpper(refTrim(m[1])) == asciiUpper(section) {
				return nil, nil, errors.New("unclosed")
			}
			now = 0
		}
		in[i] = now
	}
	return in, headers, nil
}

// keyOf returns the key of a row and the text before its value.
func keyOf(text string) (key, before string, ok bool) {
	if refComment.MatchString(text) || refOpen.MatchString(text) || refHeader.MatchString(text) {
		return "", "", false
	}
	m := refKey.FindStringSubmatch(text)
	if m == nil {
		return "", "", false
	}
	if len(m[0]) == len(text) {
		// Only blanks after the =: they are removed.
		return m[1], text[:strings.Index(text, "=")+1], true
	}
	return m[1], m[0], true
}

// edit sets the keys one at a time. at is where the next missing key goes once
// one has been added, to keep their order.
func (r *reference) edit(section string, keys, values []string, create bool) (string, error) {
	if r.bom == "" && (strings.HasPrefix(r.join(), "\xff\xfe") || strings.HasPrefix(r.join(), "\xfe\xff")) || strings.Contains(r.join(), "\x00") {
		return "", errors.New("not text")
	}
	usual := r.usual()
	_, headers, err := r.blocks(section)
	if err != nil {
		return "", err
	}
	if len(headers) == 0 {
		if !create {
			return "", errors.New("no section")
		}
		return r.append(section, keys, values, usual), nil
	}
	for i, key := range keys {
		in, _, _ := r.blocks(section)
		hit := false
		for n, row := range r.rows {
			found, before, ok := keyOf(row.text)
			if in[n] > 0 && ok && asciiUpper(found) == asciiUpper(key) {
				r.rows[n].text, hit = before+values[i], true
			}
		}
		if !hit {
			r.insert(section, key+"="+values[i], usual)
		}
	}
	return r.join(), nil
}

func (r *reference) insert(section, text, usual string) {
	in, headers, _ := r.blocks(section)
	at := headers[0]
	for n, row := range r.rows {
		if _, _, ok := keyOf(row.text); ok && in[n] == 1 {
			at = n
		}
	}
	neighbour := r.rows[at]
	indent := neighbour.text[:len(neighbour.text)-len(strings.TrimLeft(neighbour.text, " \t"))]
	added := row{indent + text, neighbour.end}
	if neighbour.end == "" {
		r.rows[at].end = usual
	}
	r.rows = slices.Insert(r.rows, at+1, added)
}

func (r *reference) append(section string, keys, values []string, usual string) string {
	if n := len(r.rows); n > 0 || r.bom != "" {
		if n == 0 {
			r.rows = []row{{"", usual}}
			n = 1
		}
		r.rows[n-1].end = cmp.Or(r.rows[n-1].end, usual)
		if refTrim(r.rows[n-1].text) != "" {
			r.rows = append(r.rows, row{"", usual})
		}
	}
	r.rows = append(r.rows, row{"[" + section + "]", usual})
	for i, key := range keys {
		r.rows = append(r.rows, row{key + "=" + values[i], usual})
	}
	return r.join()
}
