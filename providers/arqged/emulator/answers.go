package emulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// member is one key of an answer; the order is the manual's.
type member struct {
	name  string
	value any
}

// granted writes an answer with tokens.
func (x *exchange) granted(members []member) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range members {
		if i > 0 {
			b.WriteByte(',')
		}
		name := m.name
		switch {
		case x.fault == "keys-upper":
			name = strings.ToUpper(name)
		case x.set.CamelCase || x.fault == "keys-camel":
			name = strings.ToLower(name[:1]) + name[1:]
		}
		value, err := json.Marshal(m.value)
		if err != nil {
			panic(err) // texts, numbers and raw numbers
		}
		fmt.Fprintf(&b, "%q:%s", name, value)
	}
	b.WriteByte('}')
	status := x.set.Status
	if status == 0 {
		status = http.StatusCreated
	}
	if x.fault == "status-200" {
		status = http.StatusOK
	}
	x.send(status, b.String())
}

// send writes a granted answer, or loses it.
func (x *exchange) send(status int, body string) {
	switch x.fault {
	case "lost-answer":
		panic(http.ErrAbortHandler)
	case "hang-after":
		<-x.r.Context().Done()
		return
	case "cut-after":
		x.w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		x.raw(status, "application/json; charset=utf-8", body[:len(body)/2])
		_ = http.NewResponseController(x.w).Flush()
		panic(http.ErrAbortHandler)
	case "half-json":
		body = body[:len(body)/2]
	case "bom":
		body = "\xef\xbb\xbf" + body
	case "error-after":
		x.problem(http.StatusInternalServerError, "An error occurred while processing your request.", nil)
		return
	}
	x.raw(status, "application/json; charset=utf-8", body)
}

// shape changes a token into the form that a fault asks for.
func (x *exchange) shape(token string) string {
	switch x.fault {
	case "token-empty":
		return ""
	case "token-injects":
		return token + "\r\nX-Evil: 1"
	}
	return token
}

// newTokenLocked makes an access token.
func (x *exchange) newTokenLocked(user User, end time.Time) string {
	if x.set.Opaque || x.fault == "token-opaque" {
		sum := sha256.Sum256(fmt.Appendf(nil, "opaque %s %d", user.ID, x.serial))
		return base64.RawURLEncoding.EncodeToString(sum[:])
	}
	part := func(v any) string {
		data, err := json.Marshal(v)
		if err != nil {
			panic(err) // texts and numbers
		}
		return base64.RawURLEncoding.EncodeToString(data)
	}
	claims := map[string]any{"unique_name": user.Name, "nameid": user.ID, "nbf": x.at.Unix(), "iat": x.at.Unix(), "exp": end.Unix(), "jti": x.serial}
	signed := part(map[string]string{"alg": "HS256", "typ": "JWT"}) + "." + part(claims)
	mac := hmac.New(sha256.New, []byte("an emulator's key"))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// refuse answers a refused login or refresh, in the form of the settings.
func (x *exchange) refuse(text string) {
	status := x.set.RefusalStatus
	if status == 0 {
		status = http.StatusUnauthorized
	}
	switch x.set.RefusalBody {
	case EmptyBody:
		x.w.WriteHeader(status)
	case Sentence:
		x.json(status, "application/json; charset=utf-8", text)
	case Mensagem:
		x.json(status, "application/json; charset=utf-8", map[string]string{"Mensagem": text})
	case PlainText:
		x.raw(status, "text/plain; charset=utf-8", text)
	default:
		x.problem(status, http.StatusText(status), nil)
	}
}

// problem writes ProblemDetails of ASP.NET Core.
func (x *exchange) problem(status int, title string, errors map[string]string) {
	body := map[string]any{
		"type": "https://tools.ietf.org/html/rfc9110#section-15.5", "title": title, "status": status,
		"traceId": "00-84c1fd4063c38d9f3900d06e56542d48-85d1d4-00",
	}
	if errors != nil {
		lists := map[string][]string{}
		for name, text := range errors {
			lists[name] = []string{text}
		}
		body["errors"] = lists
	}
	x.json(status, "application/problem+json; charset=utf-8", body)
}

func (x *exchange) json(status int, contentType string, value any) {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // texts and numbers
	}
	x.raw(status, contentType, string(data))
}

func (x *exchange) raw(status int, contentType, body string) {
	emulation.Write(x.w, status, contentType, body)
}
