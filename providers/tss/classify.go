package tss

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// invalidMessage is the only error text the vendor documents, without the
// blanks around it.
const invalidMessage = "Mensagem JSON invalida"

// classify turns an answer of RestNewToken or RestGetToken into a token or a
// fault. It is a pure function of the answer. The body takes precedence over
// the status, because the status of a refusal is not documented.
//
// The fault has Lost set if the service may have issued a token we cannot read.
func classify(a *exchange.Answer, pattern *regexp.Regexp) (credential.Secret, *credential.Fault) {
	if a.Status >= 300 && a.Status <= 399 {
		return credential.Secret{}, exchange.StatusFault(a)
	}
	m, err := parse(a.Body)
	switch {
	case a.Truncated || err != nil && !a.OK():
		return credential.Secret{}, statusFault(a)
	case err != nil && a.HTML():
		return credential.Secret{}, exchange.HTMLFault(a)
	case err != nil && len(trim(a.Body)) == 0:
		return credential.Secret{}, unusable("is empty")
	case err != nil:
		return credential.Secret{}, unusable("is not a JSON object, or is truncated")
	}
	return m.result(a, pattern)
}

// statusFault classifies, by its status, an answer that is not in the service's
// own form: it comes from the framework or from a proxy.
func statusFault(a *exchange.Answer) *credential.Fault {
	f := exchange.StatusFault(a)
	switch {
	case f == nil:
		return unusable("is truncated")
	case a.Status == 401 || a.Status == 403:
		f.Message += " (for a TSS without login: Security=0 in its REST section, for one with: username and password)"
		f.Keys, f.ClientRefused = []string{"username", "password"}, a.Status == 401
	case a.Status == 404:
		f.Message += " (the url ends in RestNewToken, and the REST service of TSS must be published under that path)"
	}
	return f
}

// message holds the members of the service's answer, plus those of the
// framework's error that we use. Member names are matched without case.
type message struct {
	token, fault json.RawMessage // nil when absent
	code         json.RawMessage
	twice        bool // a member we use appears twice
}

// result returns the token in the message, or the fault.
func (m message) result(a *exchange.Answer, pattern *regexp.Regexp) (credential.Secret, *credential.Fault) {
	token, isText := text(m.token)
	complaint, _ := text(m.fault)
	complains := m.fault != nil && !bytes.Equal(m.fault, []byte("null")) && (strings.TrimSpace(complaint) != "" || m.fault[0] != '"')
	refused := a.Status == 401 || a.Status == 403 || a.Status == 429
	switch {
	case m.token == nil && m.fault == nil:
		return credential.Secret{}, m.frameworkFault(a)
	case m.twice:
		return credential.Secret{}, unusable("names TOKEN or error twice")
	case isText && strings.TrimSpace(token) != "" && complains:
		return credential.Secret{}, unusable("holds a token and an error")
	case complains && refused:
		return credential.Secret{}, statusFault(a)
	case complains && a.Status >= 500:
		return credential.Secret{}, statusFault(a)
	case complains:
		return credential.Secret{}, negative(complaint)
	case !isText:
		return credential.Secret{}, unusable("holds a TOKEN that is not a string")
	case token == "" && !a.OK():
		return credential.Secret{}, statusFault(a)
	case token == "":
		return credential.Secret{}, unusable("holds an empty TOKEN without an error")
	case !plain(token) || !pattern.MatchString(token):
		return credential.Secret{}, unusable("holds a TOKEN of another form than token_pattern allows")
	}
	return credential.NewSecret(token), nil
}

// frameworkFault classifies an object with neither TOKEN nor error. The
// framework's own errors may carry their status in errorCode or code.
func (m message) frameworkFault(a *exchange.Answer) *credential.Fault {
	if !a.OK() {
		return statusFault(a)
	}
	if code, err := strconv.Atoi(strings.Trim(string(m.code), `"`)); err == nil && code >= 400 && code <= 599 {
		b := *a
		b.Status = code
		return statusFault(&b)
	}
	return unusable("has neither TOKEN nor error")
}

// negative is the service's own refusal: nothing was renewed.
func negative(complaint string) *credential.Fault {
	f := &credential.Fault{
		Reason:  credential.ReasonInvalidRequest,
		Message: "TSS refuses the request (compare cnpj, tipopessoa, ie and uf with the client's registration in TSS)",
	}
	if strings.EqualFold(strings.Join(strings.Fields(complaint), " "), invalidMessage) {
		f.Code = invalidMessage
		f.Message = "TSS refuses the request: " + invalidMessage + " (compare cnpj, tipopessoa, ie and uf with the client's registration in TSS)"
	}
	return f
}

// unusable is a 2xx answer without a usable token, although one may have been
// issued.
func unusable(what string) *credential.Fault {
	return &credential.Fault{
		Reason:  credential.ReasonBadResponse,
		Message: "the answer of TSS " + what + "; the old token may be dead",
		Lost:    true,
	}
}

// plain rejects any character that could break the place the token is written
// to, such as an INI line, a quoted value or a header, whatever token_pattern
// allows.
func plain(token string) bool {
	return !strings.ContainsFunc(token, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune("\"'`;", r)
	})
}

// trim removes what TSS and its proxies add around a body.
func trim(body []byte) []byte {
	return bytes.Trim(bytes.TrimPrefix(bytes.TrimLeft(body, " \t\r\n\x00"), []byte("\xef\xbb\xbf")), " \t\r\n\x00")
}

var errShape = errors.New("not one JSON object")

// parse reads one JSON object. It tolerates text around the object, but no
// errors inside it. The declared charset is ignored, because TSS sends CP1252
// under any label. The decoder replaces such bytes with U+FFFD, which is
// allowed in a discarded text but not in a token.
func parse(body []byte) (message, error) {
	var m message
	dec := json.NewDecoder(bytes.NewReader(trim(body)))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return m, errShape
	}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return m, errShape
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return m, errShape
		}
		m.set(key.(string), value)
	}
	if _, err := dec.Token(); err != nil {
		return m, errShape
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return m, errShape
	}
	return m, nil
}

// set stores a member that is used.
func (m *message) set(key string, value json.RawMessage) {
	var slot *json.RawMessage
	switch strings.ToLower(key) {
	case "token":
		slot = &m.token
	case "error":
		slot = &m.fault
	case "errorcode", "code":
		m.code = value
		return
	default:
		return
	}
	m.twice = m.twice || *slot != nil
	*slot = value
}

// text decodes a JSON string.
func text(raw json.RawMessage) (string, bool) {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return "", false
	}
	return s, true
}
