package http

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/htmlindex"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/exchange"
)

// place finds a value in an answer. It returns false if there is none.
type place interface {
	find(a *exchange.Answer) (string, bool)
}

// sourceForms describes the forms of a source.
const sourceForms = `"json:/pointer", "header:NAME", "cookie:NAME", "text", "regexp:…" with one group, or "xml:/a/b"`

// parseSource parses a source in the configuration; it returns nil after a fault.
func parseSource(s *section.Section, key, text string) place {
	p, err := sourceOf(text)
	if err != nil {
		s.Faultf(key, "%v (expected %s)", err, sourceForms)
		return nil
	}
	return p
}

func sourceOf(text string) (place, error) {
	form, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "text":
		return wholeText{}, nil
	case form == "json":
		return pointersOf(rest)
	case form == "header" && rest != "":
		return header(rest), nil
	case form == "cookie" && rest != "":
		return cookie(rest), nil
	case form == "regexp":
		re, err := regexp.Compile(rest)
		if err != nil || re.NumSubexp() != 1 {
			return nil, errors.New("is not a regular expression with one group")
		}
		return pattern{re}, nil
	case form == "xml" && strings.HasPrefix(rest, "/") && strings.Trim(rest, "/") != "":
		return xmlPath(strings.Split(strings.Trim(rest, "/"), "/")), nil
	}
	return nil, errors.New("is not a source")
}

// wholeText is the body without surrounding white space.
type wholeText struct{}

func (wholeText) find(a *exchange.Answer) (string, bool) {
	text := strings.TrimSpace(string(withoutBOM(a.Body)))
	return text, text != ""
}

type header string

func (h header) find(a *exchange.Answer) (string, bool) {
	text := strings.TrimSpace(a.Header.Get(string(h)))
	return text, text != ""
}

type cookie string

func (c cookie) find(a *exchange.Answer) (string, bool) {
	for _, got := range (&http.Response{Header: a.Header}).Cookies() {
		if got.Name == string(c) && got.Value != "" {
			return got.Value, true
		}
	}
	return "", false
}

type pattern struct{ *regexp.Regexp }

func (p pattern) find(a *exchange.Answer) (string, bool) {
	m := p.FindSubmatch(a.Body)
	if m == nil || len(m[1]) == 0 {
		return "", false
	}
	return string(m[1]), true
}

// pointers are JSON pointers (RFC 6901), each applied to the text that the one
// before it found: JSON inside JSON.
type pointers [][]string

func pointersOf(text string) (place, error) {
	var all pointers
	for _, part := range strings.Fields(text) {
		part = strings.TrimPrefix(part, "json:")
		if !strings.HasPrefix(part, "/") {
			return nil, errors.New("holds a pointer that does not begin with /")
		}
		var steps []string
		for _, step := range strings.Split(part[1:], "/") {
			steps = append(steps, strings.NewReplacer("~1", "/", "~0", "~").Replace(step))
		}
		all = append(all, steps)
	}
	if len(all) == 0 {
		all = pointers{nil} // the whole document, for an answer that is a single text
	}
	return all, nil
}

func (p pointers) find(a *exchange.Answer) (string, bool) {
	data := withoutBOM(a.Body)
	text := ""
	for _, steps := range p {
		found, ok := walk(data, steps)
		if !ok {
			return "", false
		}
		text = found
		data = []byte(found)
	}
	return text, text != ""
}

// stated reports whether the last pointer leads to anything but null, even if it
// is not a valid value, such as an object or an empty text.
func (p pointers) stated(a *exchange.Answer) bool {
	data := withoutBOM(a.Body)
	for _, steps := range p[:len(p)-1] {
		text, ok := walk(data, steps)
		if !ok {
			return false
		}
		data = []byte(text)
	}
	raw, ok := follow(data, p[len(p)-1])
	return ok && string(raw) != "null"
}

// walk follows one pointer to a text, a number as written, or a boolean.
func walk(data []byte, steps []string) (string, bool) {
	raw, ok := follow(data, steps)
	if !ok {
		return "", false
	}
	var text string
	switch {
	case raw[0] == '"' && json.Unmarshal(raw, &text) == nil:
		return text, text != ""
	case raw[0] == '{' || raw[0] == '[' || string(raw) == "null":
		return "", false
	}
	return string(raw), true
}

// follow returns what a pointer leads to.
func follow(data []byte, steps []string) (json.RawMessage, bool) {
	raw := json.RawMessage(bytes.TrimSpace(data))
	if !json.Valid(raw) {
		return nil, false
	}
	for _, step := range steps {
		var o map[string]json.RawMessage
		var list []json.RawMessage
		switch {
		case json.Unmarshal(raw, &o) == nil && o != nil:
			next, ok := o[step]
			if !ok {
				return nil, false
			}
			raw = next
		case json.Unmarshal(raw, &list) == nil && list != nil:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(list) {
				return nil, false
			}
			raw = list[i]
		default:
			return nil, false
		}
	}
	return bytes.TrimSpace(raw), true
}

// xmlPath is a path from the root element by local names; the last one may be an
// attribute, @name.
type xmlPath []string

func (p xmlPath) find(a *exchange.Answer) (string, bool) {
	dec := xml.NewDecoder(bytes.NewReader(withoutBOM(a.Body)))
	dec.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		encoding, err := htmlindex.Get(label)
		if err != nil {
			return nil, err
		}
		return encoding.NewDecoder().Reader(in), nil
	}
	var way []string
	var text strings.Builder
	found, value := false, ""
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return value, found && value != ""
		}
		if err != nil {
			return "", false // a truncated answer has no value
		}
		switch t := token.(type) {
		case xml.StartElement:
			way = append(way, t.Name.Local)
			if v, ok := p.attribute(way, t); ok && !found {
				value, found = v, true
			}
			text.Reset()
		case xml.CharData:
			text.Write(t)
		case xml.EndElement:
			if !found && p.is(way) {
				value, found = strings.TrimSpace(text.String()), true
			}
			way = way[:len(way)-1]
		}
	}
}

func (p xmlPath) is(way []string) bool {
	if len(way) != len(p) {
		return false
	}
	for i, name := range way {
		if p[i] != name {
			return false
		}
	}
	return true
}

func (p xmlPath) attribute(way []string, t xml.StartElement) (string, bool) {
	name, ok := strings.CutPrefix(p[len(p)-1], "@")
	if !ok || !p[:len(p)-1].is(way) {
		return "", false
	}
	for _, attr := range t.Attr {
		if attr.Name.Local == name {
			return attr.Value, true
		}
	}
	return "", false
}

func withoutBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }
