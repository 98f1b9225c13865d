package tlsconf

import (
	"encoding/asn1"
	"errors"
)

// element is one value in BER, of which DER is a subset. Unlike DER, BER allows
// indefinite lengths and split octet strings.
type element struct {
	tag     byte // the identifier octet, with class and form
	content []byte
	inner   []element // elements of a constructed value
}

const (
	constructed   = 0x20
	octetString   = 0x04
	sequence      = 0x30
	contextTag0   = 0x80
	endOfContents = 0x00
	// maxDepth is deeper than any certificate nests.
	maxDepth = 32
)

var errBER = errors.New("not BER")

// parseBER parses one value and returns what follows it.
func parseBER(data []byte, depth int) (e element, rest []byte, err error) {
	if len(data) < 2 || data[0]&0x1f == 0x1f || depth > maxDepth {
		return e, nil, errBER // PKCS#12 has no tag above 30
	}
	e.tag = data[0]
	length, body, open, err := parseLength(data[1:])
	switch {
	case err != nil:
		return e, nil, err
	case open && e.tag&constructed == 0:
		return e, nil, errBER
	case open:
		e.inner, rest, err = parseOpen(body, depth+1)
		return e, rest, err
	}
	e.content, rest = body[:length], body[length:]
	if e.tag&constructed != 0 {
		e.inner, err = parseAll(e.content, depth+1)
	}
	return e, rest, err
}

// parseLength parses a length; open means it is indefinite.
func parseLength(data []byte) (length int, body []byte, open bool, err error) {
	first, body := int(data[0]), data[1:]
	if first == 0x80 {
		return 0, body, true, nil
	}
	length = first
	if n := first & 0x7f; first > 0x80 {
		if n > 4 || n > len(body) {
			return 0, nil, false, errBER
		}
		length = 0
		for _, b := range body[:n] {
			length = length<<8 | int(b)
		}
		body = body[n:]
	}
	if length < 0 || length > len(body) {
		return 0, nil, false, errBER
	}
	return length, body, false, nil
}

// parseOpen parses values up to an end-of-contents mark.
func parseOpen(data []byte, depth int) (list []element, rest []byte, err error) {
	for {
		if len(data) >= 2 && data[0] == endOfContents && data[1] == 0 {
			return list, data[2:], nil
		}
		var e element
		if e, data, err = parseBER(data, depth); err != nil {
			return nil, nil, err
		}
		list = append(list, e)
	}
}

// parseAll parses values up to the end of the data.
func parseAll(data []byte, depth int) (list []element, err error) {
	for len(data) > 0 {
		var e element
		if e, data, err = parseBER(data, depth); err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// octets returns an octet string in one piece, whatever its tag.
func (e element) octets() []byte {
	if e.tag&constructed == 0 {
		return e.content
	}
	var all []byte
	for _, piece := range e.inner {
		all = append(all, piece.octets()...)
	}
	return all
}

// der encodes the value in DER.
func (e element) der() []byte {
	switch {
	case e.tag == octetString|constructed:
		return encode(octetString, e.octets())
	case e.tag&constructed == 0:
		return encode(e.tag, e.content)
	}
	return encode(e.tag, concat(e.inner))
}

func concat(list []element) (all []byte) {
	for _, e := range list {
		all = append(all, e.der()...)
	}
	return all
}

// encode encodes one value in DER.
func encode(tag byte, content []byte) []byte {
	out := []byte{tag}
	switch n := len(content); {
	case n < 0x80:
		out = append(out, byte(n))
	case n < 1<<8:
		out = append(out, 0x81, byte(n))
	case n < 1<<16:
		out = append(out, 0x82, byte(n>>8), byte(n))
	default:
		out = append(out, 0x83, byte(n>>16), byte(n>>8), byte(n))
	}
	return append(out, content...)
}

// oid returns an object identifier as text, or "" for any other value.
func (e element) oid() string {
	var id asn1.ObjectIdentifier
	if _, err := asn1.Unmarshal(e.der(), &id); err != nil {
		return ""
	}
	return id.String()
}

// at returns the nested value at the given indexes, or the zero element if it
// does not exist.
func (e element) at(way ...int) element {
	for _, i := range way {
		if i >= len(e.inner) {
			return element{}
		}
		e = e.inner[i]
	}
	return e
}
