package tokens

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func endpoint(auth Auth, send Send) *Endpoint {
	return &Endpoint{
		URL:  &url.URL{Scheme: "https", Host: "login.example", Path: "/token", RawQuery: "tenant=1"},
		Send: send, Auth: auth, ID: credential.NewSecret("i d"), Secret: credential.NewSecret("s:é"),
	}
}

// sent creates a request and returns it with its body.
func sent(t *testing.T, e *Endpoint, params, headers []Param) (*http.Request, string) {
	t.Helper()
	req, f := e.Request(t.Context(), at, params, headers)
	if f != nil {
		t.Fatal(f)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		t.Fatal(err)
	}
	return req, string(body)
}

func TestRequestsOfEveryPlace(t *testing.T) {
	params := []Param{Text(GrantType, "x"), Text("resource", "a"), Text("resource", "b"), {Name: "n", Value: credential.NewSecret("3"), Literal: true}}
	for send, want := range map[Send]string{
		Form:    "client_id=i+d&client_secret=s%3A%C3%A9&grant_type=x&n=3&resource=a&resource=b",
		JSON:    `{"client_id":"i d","client_secret":"s:é","grant_type":"x","n":3,"resource":["a","b"]}`,
		Query:   "",
		Headers: "",
	} {
		req, body := sent(t, endpoint(Body, send), params, nil)
		if body != want || req.Method != http.MethodPost || req.URL.Query().Get("tenant") != "1" {
			t.Errorf("%s: got %s %s with body %s, want %s", send, req.Method, req.URL, body, want)
		}
		if inQuery := req.URL.Query().Get("client_secret") != ""; inQuery != (send == Query) {
			t.Errorf("%s: secret in the URL: got %v", send, inQuery)
		}
		if inHeader := req.Header.Get("client_secret") != ""; inHeader != (send == Headers) {
			t.Errorf("%s: secret in a header: got %v", send, inHeader)
		}
		if req.Header.Get("Authorization") != "" {
			t.Errorf("%s: the client authenticates twice", send)
		}
	}
}

func TestBasicIsEncodedAsTheServerWantsIt(t *testing.T) {
	for raw, want := range map[bool]string{false: "i+d:s%3A%C3%A9", true: "i d:s:é"} {
		e := endpoint(Basic, Form)
		e.RawBasic = raw
		req, body := sent(t, e, nil, nil)
		id, secret, _ := req.BasicAuth()
		if id+":"+secret != want || strings.Contains(body, "client") {
			t.Errorf("raw %v: got %s:%s with body %q, want %s", raw, id, secret, body, want)
		}
	}
}

func TestNamesAndHeadersOfTheConfigurationGoFirst(t *testing.T) {
	e := endpoint(Body, Form)
	e.Names = map[string]string{ClientID: "clientId", GrantType: "grantType"}
	req, body := sent(t, e, []Param{Text(GrantType, "x"), Text(ClientSecret, "mine")}, []Param{Text("Accept", "text/json")})
	if form, _ := url.ParseQuery(body); form.Get("clientId") != "i d" || form.Get("grantType") != "x" || form.Get(ClientSecret) != "mine" || len(form) != 3 {
		t.Errorf("got form %v", form)
	}
	if got := req.Header.Values("Accept"); len(got) != 1 || got[0] != "text/json" {
		t.Errorf("got Accept %q, want text/json", got)
	}
	if _, f := e.Request(t.Context(), at, nil, []Param{Text("X", "a\nb")}); f == nil || f.Reason != credential.ReasonInvalidRequest || strings.Contains(f.Message, "a\nb") {
		t.Errorf("header with a line break: got %v", f)
	}
}

func TestCodesAreFoundWhereServersPutThem(t *testing.T) {
	e := &Endpoint{Names: map[string]string{"error": "erro"}}
	for body, want := range map[string]string{
		`{"error":"invalid_grant"}`: "invalid_grant", `{"error":{"type":"invalid_client"}}`: "invalid_client",
		`{"error":{"code":"Unauthorized"}}`: "", `{"error":"CANARY"}`: "", `{"erro":"slow_down"}`: "slow_down", `[]`: "", ``: "",
	} {
		if got := e.Code([]byte(body)); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

func TestRefreshTokenExpiry(t *testing.T) {
	e := &Endpoint{}
	read := func(body string) Grant {
		g, f := e.Read(&exchange.Answer{Status: 200, Header: http.Header{}, Body: []byte(body), ReceivedAt: at}, at)
		if f != nil {
			t.Fatal(f)
		}
		return g
	}
	for body, life := range map[string]time.Duration{
		`{"access_token":"a","refresh_token":"r","refresh_expires_in":1800}`:         30 * time.Minute,
		`{"access_token":"a","refresh_token":"r","refresh_token_expires_in":"1800"}`: 30 * time.Minute,
		`{"access_token":"a","refresh_token":"r","refresh_expires_in":0}`:            0,
		`{"access_token":"a","refresh_token":"r"}`:                                   0,
	} {
		g := read(body)
		if got := g.RefreshEnds; life == 0 && !got.IsZero() || life > 0 && !got.Equal(at.Add(life)) {
			t.Errorf("%s: got RefreshEnds %s", body, got)
		}
	}
	if g := read(`{"access_token":"a","expires_at":"2001-01-01T00:00:00Z"}`); g.End.Unread == "" || !g.End.At.IsZero() {
		t.Errorf("expiry in the past: got %+v", g.End)
	}
}
