package http

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/internal/filled"
)

// bodyKind is the type of the request's body.
type bodyKind int

const (
	noBody bodyKind = iota
	formBody
	jsonBody
	textBody
)

// call is one described request.
type call struct {
	method  string
	path    filled.Text
	headers []named
	basic   *[2]filled.Text // name and password
	kind    bodyKind
	form    []named
	json    value
	body    filled.Text
}

// value is a value in a JSON body.
type value struct {
	text         filled.Text
	literal      bool
	list, object bool
	names        []string // the names of an object's items
	items        []value
}

// texts returns all texts that may refer to other credentials.
func (c *call) texts() []filled.Text {
	all := []filled.Text{c.path, c.body}
	for _, h := range append(append([]named{}, c.headers...), c.form...) {
		all = append(all, h.Text)
	}
	if c.basic != nil {
		all = append(all, c.basic[:]...)
	}
	return c.json.texts(all)
}

func (v value) texts(all []filled.Text) []filled.Text {
	all = append(all, v.text)
	for _, item := range v.items {
		all = item.texts(all)
	}
	return all
}

// filling expands texts until the first that has no value.
type filling struct {
	inputs map[string]credential.Credential
	fault  *credential.Fault
}

func (f *filling) text(t filled.Text, encode func(string) string) string {
	if f.fault != nil {
		return ""
	}
	text, fault := t.Expand(f.inputs, encode)
	f.fault = fault
	return text
}

// request builds the request of one attempt.
func (c *call) request(ctx context.Context, base *url.URL, inputs map[string]credential.Credential) (*http.Request, *credential.Fault) {
	f := &filling{inputs: inputs}
	target := join(base, f.text(c.path, escape))
	body, contentType := c.fill(f)
	if f.fault != nil {
		return nil, f.fault
	}
	req, err := http.NewRequestWithContext(ctx, c.method, target, bytes.NewReader(body))
	if err != nil {
		return nil, exchange.BrokenRequest(err)
	}
	if c.kind == noBody {
		req.Body, req.GetBody, req.ContentLength = nil, nil, 0
	}
	req.Header.Set("Accept", "*/*")
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.basic != nil {
		both := f.text(c.basic[0], nil) + ":" + f.text(c.basic[1], nil)
		req.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(both)))
	}
	for _, h := range c.headers {
		text := f.text(h.Text, nil)
		if !carried(text) && f.fault == nil {
			f.fault = &credential.Fault{
				Reason:  credential.ReasonInvalidRequest,
				Message: "headers." + h.name + ": the value holds a control character or one beyond ASCII, which no header can carry (send it in the body)",
			}
		}
		if strings.EqualFold(h.name, "Host") {
			req.Host = text
			continue
		}
		// Assigned directly to keep the case, which some services check.
		req.Header.Del(h.name)
		req.Header[h.name] = []string{text}
	}
	return req, f.fault
}

// carried reports whether a header can contain a text.
func carried(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7f })
}

// fill builds the body.
func (c *call) fill(f *filling) (body []byte, contentType string) {
	switch c.kind {
	case formBody:
		var pairs []string
		for _, p := range c.form {
			pairs = append(pairs, url.QueryEscape(p.name)+"="+url.QueryEscape(f.text(p.Text, nil)))
		}
		return []byte(strings.Join(pairs, "&")), "application/x-www-form-urlencoded"
	case jsonBody:
		return c.json.encode(f), "application/json"
	case textBody:
		return []byte(f.text(c.body, nil)), ""
	case noBody:
	}
	return nil, ""
}

// encode writes the value as JSON, with members in the order of the
// configuration.
func (v value) encode(f *filling) []byte {
	switch {
	case v.literal:
		return []byte(literal(f.text(v.text, nil)))
	case !v.list && !v.object:
		return quote(f.text(v.text, nil))
	}
	var b bytes.Buffer
	opening, closing := byte('['), byte(']')
	if v.object {
		opening, closing = '{', '}'
	}
	b.WriteByte(opening)
	for i, item := range v.items {
		if i > 0 {
			b.WriteByte(',')
		}
		if v.object {
			b.Write(quote(v.names[i]))
			b.WriteByte(':')
		}
		b.Write(item.encode(f))
	}
	b.WriteByte(closing)
	return b.Bytes()
}

// literal returns a TOML number in JSON syntax.
func literal(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll(text, "_", ""), "+")
}

// quote encodes a text as JSON, without the escapes for HTML.
func quote(text string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(text); err != nil {
		panic(err) // a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// join appends a path to the base and keeps both queries.
func join(base *url.URL, path string) string {
	if path == "" {
		return base.String()
	}
	own, query, asks := strings.Cut(path, "?")
	u := *base
	u.RawQuery = ""
	target := u.String()
	switch {
	case own == "":
	case strings.HasSuffix(target, "/") && strings.HasPrefix(own, "/"):
		target += own[1:]
	case !strings.HasSuffix(target, "/") && !strings.HasPrefix(own, "/"):
		target += "/" + own
	default:
		target += own
	}
	if all := strings.Trim(base.RawQuery+"&"+query, "&"); all != "" {
		return target + "?" + all
	}
	if asks {
		target += "?"
	}
	return target
}

// escape encodes a value for a path or a query: everything but letters, digits and
// the four unreserved marks.
func escape(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}
