package arqged

import (
	"bytes"
	"encoding/json"
	"strings"
)

// object is a JSON object with keys in lower case: the service writes some
// answers in PascalCase and others in camelCase.
type object map[string]json.RawMessage

// parseObject parses exactly one JSON object. twice reports that a key appears
// more than once, ignoring case.
func parseObject(body []byte) (o object, twice bool) {
	body = bytes.Trim(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') || !json.Valid(body) {
		return nil, false
	}
	o = object{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil, false
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, false
		}
		key := strings.ToLower(name.(string)) // In an object this token is a string.
		_, again := o[key]
		twice = twice || again
		o[key] = value
	}
	return o, twice
}

// text returns a string member without surrounding blanks.
func (o object) text(key string) string {
	var s *string
	if json.Unmarshal(o[key], &s) != nil || s == nil {
		return ""
	}
	return strings.TrimSpace(*s)
}

// has reports whether a member is present and not null.
func (o object) has(key string) bool {
	raw, ok := o[key]
	return ok && !bytes.Equal(raw, []byte("null"))
}

// words returns a text of the object in lower case, for matching a phrase. It is
// never shown.
func (o object) words(key string) string { return strings.ToLower(o.text(key)) }

// sentence reports whether a body is one non-empty JSON string, a form the
// application sometimes answers in.
func sentence(body []byte) bool {
	var s *string
	return json.Unmarshal(body, &s) == nil && s != nil && strings.TrimSpace(*s) != ""
}
