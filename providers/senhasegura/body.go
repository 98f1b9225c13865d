package senhasegura

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// object is a JSON object, its keys in lower case: the service spells some of
// them in two ways.
type object map[string]json.RawMessage

// parseObject reads a JSON object. One that was cut off gives the members that
// came whole, and the name alone of the one that did not; whole says that
// nothing is missing and nothing follows.
func parseObject(body []byte) (o object, whole bool) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	o = object{}
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

// text returns a member that is a string.
func (o object) text(key string) (string, bool) {
	var s *string
	if json.Unmarshal(o[key], &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// number returns a member that is a whole number, or text that is one.
func (o object) number(key string) int {
	text, ok := o.text(key)
	if !ok {
		text = string(o[key])
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0
	}
	return n
}

// truth returns a member that is true, 1, "1" or "true".
func (o object) truth(key string) bool {
	text, ok := o.text(key)
	if !ok {
		text = string(o[key])
	}
	return text == "1" || strings.EqualFold(text, "true")
}

// member returns a member that is an object; nil when it is none.
func (o object) member(key string) object {
	m, _ := parseObject(o[key])
	return m
}

// complaint is what a body says about a failure, in any of the forms that the
// service and its gateway use. The texts of the server serve to recognise
// something and are never shown.
type complaint struct {
	oauth    string // error of RFC 6749: a string, where the envelope has a bool
	number   int    // application error of the envelope, such as 1011
	status   int    // the envelope's own status
	failed   bool   // the envelope says that this is a failure
	envelope bool
	texts    string // in lower case
}

// readComplaint reads a body; of one that was cut off, what is there.
func readComplaint(body []byte) complaint {
	o, _ := parseObject(body)
	if o == nil {
		return complaint{}
	}
	var c complaint
	c.oauth, _ = o.text("error")
	response, exception := o.member("response"), o.member("exception")
	c.envelope = response != nil || exception != nil
	c.failed = response.truth("error") || response.truth("erro") || exception != nil
	for _, n := range []int{response.number("status"), o.number("code")} {
		if c.status == 0 {
			c.status = n
		}
	}
	for _, n := range []int{exception.number("code"), response.number("error_code"), response.number("cod_erro")} {
		if c.number == 0 {
			c.number = n
		}
	}
	for _, text := range []string{
		or(o.text("message")), or(o.text("error_description")), or(response.text("message")), or(response.text("mensagem")),
		or(response.text("detail")), or(exception.text("message")), or(exception.text("detail")),
	} {
		c.texts += strings.ToLower(text) + "\n"
	}
	return c
}

// or drops the second value.
func or(text string, _ bool) string { return text }

// says reports whether one of the texts holds a phrase.
func (c complaint) says(phrase string) bool { return strings.Contains(c.texts, phrase) }

// code is the documented code, if any.
func (c complaint) code() string {
	switch {
	case oauthCodes[c.oauth]:
		return c.oauth
	case c.number > 1000 && c.number < 2000:
		return strconv.Itoa(c.number)
	}
	return ""
}

// oauthCodes are the codes that RFC 6749 and the library of the service
// define. Any other text could be anything.
var oauthCodes = map[string]bool{
	"invalid_request": true, "invalid_client": true, "invalid_grant": true, "unauthorized_client": true,
	"unsupported_grant_type": true, "invalid_scope": true, "access_denied": true, "server_error": true,
	"temporarily_unavailable": true,
}
