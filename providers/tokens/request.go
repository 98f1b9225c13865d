package tokens

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// Request makes the request with these parameters and headers. Id and secret go
// one way only, and never into the URI unless Send says so. Of the parameters
// with the names of the standards, a later one of a name replaces an earlier
// one that Request added for the client.
func (e *Endpoint) Request(ctx context.Context, at time.Time, params, headers []Param) (*http.Request, *credential.Fault) {
	client, f := e.client(at)
	if f != nil {
		return nil, f
	}
	all := e.named(merge(client, params))
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.target(all), e.body(all))
	if err != nil {
		return nil, exchange.BrokenRequest(err)
	}
	switch e.Send {
	case JSON:
		req.Header.Set("Content-Type", "application/json")
	case Form:
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case Headers:
		if f := setHeaders(req.Header, all); f != nil {
			return nil, f
		}
	case Query:
	}
	req.Header.Set("Accept", "application/json")
	if e.Auth == Basic {
		req.Header.Set("Authorization", e.basic().Reveal())
	}
	return req, setHeaders(req.Header, headers)
}

// client returns the parameters by which the client proves who it is.
func (e *Endpoint) client(at time.Time) ([]Param, *credential.Fault) {
	var params []Param
	if e.Auth != Basic && !e.ID.IsZero() {
		params = append(params, Param{Name: ClientID, Value: e.ID})
	}
	switch e.Auth {
	case Body:
		params = append(params, Param{Name: ClientSecret, Value: e.Secret})
	case PrivateKeyJWT, SecretJWT:
		assertion, err := e.Sign(at)
		if err != nil {
			return nil, &credential.Fault{Reason: credential.ReasonInternal, Message: "sign the client's assertion: the key cannot be used", Err: err}
		}
		params = append(params,
			Text(clientAssertionType, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
			Param{Name: clientAssertion, Value: assertion})
	case Basic, None:
	}
	return params, nil
}

// merge returns the parameters of both lists; a name of the second replaces it
// in the first.
func merge(first, second []Param) []Param {
	replaced := map[string]bool{}
	for _, p := range second {
		replaced[p.Name] = true
	}
	var all []Param
	for _, p := range first {
		if !replaced[p.Name] {
			all = append(all, p)
		}
	}
	return append(all, second...)
}

// named returns the parameters by the server's names.
func (e *Endpoint) named(params []Param) []Param {
	out := make([]Param, len(params))
	for i, p := range params {
		p.Name = e.name(p.Name)
		out[i] = p
	}
	return out
}

// target is the URL with the parameters that go into it.
func (e *Endpoint) target(params []Param) string {
	if e.Send != Query {
		return e.URL.String()
	}
	target := *e.URL
	query := target.Query()
	for name, list := range values(params) {
		query[name] = list
	}
	target.RawQuery = query.Encode()
	return target.String()
}

func values(params []Param) url.Values {
	form := url.Values{}
	for _, p := range params {
		form.Add(p.Name, p.Value.Reveal())
	}
	return form
}

func (e *Endpoint) body(params []Param) io.Reader {
	switch e.Send {
	case Form:
		return strings.NewReader(values(params).Encode())
	case JSON:
		return strings.NewReader(document(params))
	case Query, Headers:
	}
	return http.NoBody
}

// document writes the parameters as one JSON object.
func document(params []Param) string {
	members := map[string]any{}
	for _, p := range params {
		var value any = p.Value.Reveal()
		if raw := json.RawMessage(p.Value.Reveal()); p.Literal && json.Valid(raw) {
			value = raw
		}
		switch before := members[p.Name].(type) {
		case nil:
			members[p.Name] = value
		case []any:
			members[p.Name] = append(before, value)
		default:
			members[p.Name] = []any{before, value}
		}
	}
	text, err := json.Marshal(members)
	if err != nil {
		return "{}" // every member is a text or valid JSON
	}
	return string(text)
}

// setHeaders adds headers; a name that is there already is replaced.
func setHeaders(header http.Header, params []Param) *credential.Fault {
	for _, p := range params {
		if !exchange.PlainText(p.Value.Reveal()) {
			return &credential.Fault{
				Reason:  credential.ReasonInvalidRequest,
				Message: "the value of the header " + p.Name + " holds a line break or another control character, which no header can carry",
			}
		}
		header.Del(p.Name)
	}
	for _, p := range params {
		header.Add(p.Name, p.Value.Reveal())
	}
	return nil
}

// basic returns the Basic header.
func (e *Endpoint) basic() credential.Secret {
	id, secret := e.ID.Reveal(), e.Secret.Reveal()
	if !e.RawBasic {
		id, secret = url.QueryEscape(id), url.QueryEscape(secret)
	}
	return credential.NewSecret("Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
}
