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

// Request creates the request with these parameters and headers. Client ID and
// secret are sent in one place only, and never in the URI unless Send says so.
// A parameter of the caller replaces one of the same name that Request adds for
// client authentication.
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

// client returns the parameters that authenticate the client.
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
			return nil, &credential.Fault{Reason: credential.ReasonInternal, Message: "sign the client assertion: the key cannot be used", Err: err}
		}
		params = append(params,
			Text(clientAssertionType, "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
			Param{Name: clientAssertion, Value: assertion})
	case Basic, None:
	}
	return params, nil
}

// merge returns the parameters of both lists; a name in the second list
// replaces it in the first.
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

// named returns the parameters with the server's names.
func (e *Endpoint) named(params []Param) []Param {
	out := make([]Param, len(params))
	for i, p := range params {
		p.Name = e.name(p.Name)
		out[i] = p
	}
	return out
}

// target returns the URL, including the parameters that belong in it.
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

// document encodes the parameters as a JSON object.
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
		return "{}" // every member is a string or valid JSON
	}
	return string(text)
}

// setHeaders sets headers, replacing existing ones of the same name.
func setHeaders(header http.Header, params []Param) *credential.Fault {
	for _, p := range params {
		if !exchange.PlainText(p.Value.Reveal()) {
			return &credential.Fault{
				Reason:  credential.ReasonInvalidRequest,
				Message: "the value of the header " + p.Name + " contains a line break or another control character, which a header cannot carry",
			}
		}
		header.Del(p.Name)
	}
	for _, p := range params {
		header.Add(p.Name, p.Value.Reveal())
	}
	return nil
}

// basic returns the value of the Basic Authorization header.
func (e *Endpoint) basic() credential.Secret {
	id, secret := e.ID.Reveal(), e.Secret.Reveal()
	if !e.RawBasic {
		id, secret = url.QueryEscape(id), url.QueryEscape(secret)
	}
	return credential.NewSecret("Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret)))
}
