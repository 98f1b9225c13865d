package http

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/internal/filled"
)

// backend is one service.
type backend struct {
	env     providers.Env
	base    *url.URL
	headers []named
	client  *exchange.Client
	limits  []credential.Limit
}

// named is a header or a parameter.
type named struct {
	name string
	filled.Text
}

func open(s *section.Section, env providers.Env) providers.Backend {
	b := &backend{env: env, base: exchange.HTTPSURL(s, "url", exchange.URLOptions{Query: true})}
	host := "the service"
	if b.base != nil {
		host = b.base.Host
	}
	b.headers = readHeaders(s)
	conn := exchange.ReadConnection(s, host, env)
	b.limits = conn.Limits
	if b.base != nil && !s.Failed() {
		// net/http retries a request without a body if its connection broke.
		b.client = conn.Client(exchange.ClientOptions{OneShot: true, MaxBody: maxBody, OwnThrottling: true})
	}
	return b
}

// Bind reads one request and how its answer is read.
func (b *backend) Bind(s *section.Section) providers.Binding {
	src := &source{backend: b, name: s.Name()}
	src.call = readCall(s, b.headers)
	src.answers = readAnswers(s, b.env.Location)
	src.revokes, src.spends = s.Bool("revokes", false), s.Bool("spends", false)
	src.answers.lost = src.revokes || src.spends
	refs := filled.RefsAt(src.call.texts()...)
	made := providers.Binding{Needs: credential.Named(refs), Refs: refs, Limits: b.limits}
	for _, f := range src.answers.fields {
		made.Fields = append(made.Fields, f.name)
	}
	if b.base == nil || s.Failed() {
		return made
	}
	made.Source = src
	made.Identity = exchange.Identity("http:", s.Name(), exchange.SameURL(b.base)+"?"+b.base.RawQuery)
	return made
}

// forbidden lists the headers that the exchange itself sets.
var forbidden = []string{"Content-Length", "Transfer-Encoding", "Connection", "Accept-Encoding", "Trailer", "Upgrade"}

func readHeaders(s *section.Section) (headers []named) {
	for _, m := range s.Members("headers") {
		key := "headers." + m.Key
		name := http.CanonicalHeaderKey(m.Key)
		switch {
		case m.Key == "" || !exchange.HeaderText(m.Key) || strings.ContainsAny(m.Key, `()<>@,;:\"/[]?={}`):
			s.Faultf(key, "is not the name of a header (expected letters, digits and -)")
		case slices.Contains(forbidden, name):
			s.Faultf(key, "is set by vigente itself (expected another header)")
		}
		headers = append(headers, named{m.Key, filled.Member(s, key, m)})
	}
	return headers
}

// readCall reads what is sent. Headers of the credential replace those of the
// provider.
func readCall(s *section.Section, far []named) call {
	c := call{method: readMethod(s)}
	near := readHeaders(s)
	for _, h := range far {
		if !slices.ContainsFunc(near, func(n named) bool { return strings.EqualFold(n.name, h.name) }) {
			c.headers = append(c.headers, h)
		}
	}
	c.headers = append(c.headers, near...)
	c.readPath(s)
	c.readBody(s)
	c.readBasic(s)
	return c
}

func readMethod(s *section.Section) string {
	method := s.Text("method", http.MethodPost)
	if method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || method == http.MethodConnect {
		s.Faultf("method", "is not a method of HTTP (expected capital letters, such as POST)")
	}
	return method
}

// readPath reads the path and rejects secrets in it: URLs end up in the logs of
// servers and proxies.
func (c *call) readPath(s *section.Section) {
	allowed := s.Bool("secrets_in_url", false)
	m, ok := s.TextOrReference("path")
	if !ok {
		return
	}
	c.path = filled.Member(s, "path", m)
	secret := m.Secret
	for _, ref := range c.path.Refs() {
		secret = secret || !slices.Contains(credential.CommonFields[:], ref.Field)
	}
	switch {
	case secret && !allowed:
		s.Faultf("path", "puts a secret into the URL, which lands in the logs of servers and proxies (expected it in headers or in the body; secrets_in_url = true where the service leaves no choice)")
	case !m.Secret && strings.ContainsAny(m.Text.Reveal(), "# \t\r\n"):
		s.Faultf("path", "holds a blank or a # (expected it percent-encoded)")
	}
}

// readBody reads the body, of which there may be only one.
func (c *call) readBody(s *section.Section) {
	given := 0
	for _, key := range []string{"form", "json", "body"} {
		if s.Has(key) {
			given++
		}
	}
	if given > 1 {
		s.Faultf("body", "cannot be combined with another body (expected one of form, json, body)")
	}
	if s.Has("form") {
		c.kind = formBody
	}
	for _, m := range s.Members("form") {
		c.form = append(c.form, named{m.Key, filled.Member(s, "form."+m.Key, m)})
	}
	if v, ok := s.JSON("json"); ok {
		c.kind, c.json = jsonBody, readValue(s, v)
	}
	if m, ok := s.TextOrReference("body"); ok {
		c.kind, c.body = textBody, filled.Member(s, "body", m)
	}
}

// readValue parses the texts in a JSON body.
func readValue(s *section.Section, v section.JSONValue) value {
	out := value{list: v.Items != nil, object: v.Members != nil, literal: v.Literal}
	for _, item := range v.Items {
		out.items = append(out.items, readValue(s, item))
	}
	for _, m := range v.Members {
		out.names = append(out.names, m.Name)
		out.items = append(out.items, readValue(s, m.JSONValue))
	}
	if out.list || out.object {
		return out
	}
	out.text = filled.Member(s, v.Key, section.Member{Key: v.Key, Text: v.Text, Secret: v.Secret, Literal: v.Literal})
	return out
}

// readBasic reads the HTTP Basic login.
func (c *call) readBasic(s *section.Section) {
	t := s.Table("basic")
	if t == nil {
		return
	}
	read := func(key string) filled.Text {
		m, ok := t.TextOrReference(key)
		if !ok && !t.Has(key) {
			t.Faultf(key, "is missing (expected username and password)")
		}
		text := filled.Member(t, key, m)
		if key == "password" && ok && !m.Secret && len(text.Refs()) == 0 {
			t.Faultf(key, `is a plain string (expected a reference to the secret: write { file = "…" }, { env = "…" } or { credential = "…" })`)
		}
		if key == "username" && !m.Secret && strings.Contains(m.Text.Reveal(), ":") {
			t.Faultf(key, "holds a colon, which ends the name in a Basic header (expected a name without one)")
		}
		return text
	}
	c.basic = &[2]filled.Text{read("username"), read("password")}
}

// reasons lists the reasons that a row of errors may name.
var reasons = []string{
	string(credential.ReasonRejected), string(credential.ReasonInvalidRequest), string(credential.ReasonThrottled),
	string(credential.ReasonServer), string(credential.ReasonBadResponse),
}

// readErrors reads the rows that say what an answer means.
func readErrors(s *section.Section) (rows []errorRow) {
	for i, t := range s.Rows("errors") {
		row := errorRow{status: t.Int("status", 0), is: t.Text("is", ""), number: i + 1}
		row.checks = t.Has("is")
		if at := t.Text("json", ""); at != "" {
			row.at = parseSource(t, "json", withScheme(at))
		}
		reason := t.Required("reason")
		if reason != "" && !slices.Contains(reasons, reason) {
			t.Faultf("reason", "%q is not a reason (expected one of %s)", reason, strings.Join(reasons, ", "))
		}
		row.reason = credential.Reason(reason)
		switch {
		case t.Has("status") && (row.status < 100 || row.status > 999):
			t.Faultf("status", "%s is not a status of HTTP (expected 100 to 999)", strconv.Itoa(row.status))
		case row.checks && row.at == nil:
			t.Faultf("json", "is missing (expected where the text of is stands, such as \"/codigo\")")
		case row.status == 0 && row.at == nil:
			t.Faultf("status", "is missing (expected a status, or where in the answer to look)")
		}
		rows = append(rows, row)
	}
	return rows
}

// withScheme lets the key json contain a bare pointer.
func withScheme(text string) string {
	if strings.HasPrefix(text, "/") {
		return "json:" + text
	}
	return text
}
