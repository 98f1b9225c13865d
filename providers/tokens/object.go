package tokens

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Object is a JSON object with its keys in lower case, because servers vary
// their case.
type Object map[string]json.RawMessage

// ParseObject parses a JSON object. If it is truncated, the result has the
// complete members, and only the name of the incomplete one. whole means that
// nothing is missing and nothing follows.
func ParseObject(body []byte) (o Object, whole bool) {
	body = bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n")
	if len(body) == 0 || body[0] != '{' {
		return nil, false
	}
	if o = parseWhole(body); o != nil {
		return o, true
	}
	return parseMembers(body)
}

// parseMembers is ParseObject for an object of any kind, one member after the other.
func parseMembers(body []byte) (o Object, whole bool) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	o = Object{}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return o, false
		}
		var value json.RawMessage
		err = dec.Decode(&value)
		o[strings.ToLower(name.(string))] = value // In an object this token is a string.
		if err != nil {
			return o, false
		}
	}
	return o, json.Valid(body)
}

// parseWhole is ParseObject for the usual answer, whose keys are in lower case and
// which is not truncated. It allocates half as much. It returns nil for any other.
func parseWhole(body []byte) Object {
	var o Object
	if json.Unmarshal(body, &o) != nil {
		return nil
	}
	for name := range o {
		if strings.ToLower(name) != name {
			return nil // of two that differ in case only, the later one counts
		}
	}
	return o
}

// Text returns a string member.
func (o Object) Text(key string) (string, bool) {
	var s *string
	if json.Unmarshal(o[key], &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// Member returns an object member, or nil if it is not an object.
func (o Object) Member(key string) Object {
	m, _ := ParseObject(o[key])
	return m
}

// Has reports whether a member is present and not null.
func (o Object) Has(key string) bool {
	raw, ok := o[key]
	return ok && !bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}
