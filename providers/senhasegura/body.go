package senhasegura

import (
	"strconv"
	"strings"

	"github.com/vigented/vigente/providers/tokens"
)

// object is a JSON object with keys in lower case: the service spells some of
// them in two ways.
type object struct{ tokens.Object }

func parseObject(body []byte) (o object, whole bool) {
	o.Object, whole = tokens.ParseObject(body)
	return o, whole
}

// number returns a member that is an integer, or a string with one.
func (o object) number(key string) int {
	text, ok := o.Text(key)
	if !ok {
		text = string(o.Object[key])
	}
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		return 0
	}
	return n
}

// truth reports whether a member is true, 1, "1" or "true".
func (o object) truth(key string) bool {
	text, ok := o.Text(key)
	if !ok {
		text = string(o.Object[key])
	}
	return text == "1" || strings.EqualFold(text, "true")
}

// complaint is what a body says about a failure, in any of the forms that the
// service and its gateway use. The server's texts are used only to recognise a
// failure and are never shown.
type complaint struct {
	oauth    string // error of RFC 6749: a string, where the envelope has a bool
	number   int    // application error of the envelope, such as 1011
	status   int    // the envelope's own status
	failed   bool   // the envelope says that this is a failure
	envelope bool
	texts    string // in lower case
}

// readComplaint parses a body; of a truncated one, it uses what is there.
func readComplaint(body []byte) complaint {
	o, _ := parseObject(body)
	if o.Object == nil {
		return complaint{}
	}
	var c complaint
	c.oauth, _ = o.Text("error")
	response, exception := object{o.Member("response")}, object{o.Member("exception")}
	c.envelope = response.Object != nil || exception.Object != nil
	c.failed = response.truth("error") || response.truth("erro") || exception.Object != nil
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
		or(o.Text("message")), or(o.Text("error_description")), or(response.Text("message")), or(response.Text("mensagem")),
		or(response.Text("detail")), or(exception.Text("message")), or(exception.Text("detail")),
	} {
		c.texts += strings.ToLower(text) + "\n"
	}
	return c
}

// or returns the text and drops the second value.
func or(text string, _ bool) string { return text }

// says reports whether one of the texts contains a phrase.
func (c complaint) says(phrase string) bool { return strings.Contains(c.texts, phrase) }

// code returns the documented code, if any.
func (c complaint) code() string {
	switch {
	case tokens.Known(c.oauth):
		return c.oauth
	case c.number > 1000 && c.number < 2000:
		return strconv.Itoa(c.number)
	}
	return ""
}
