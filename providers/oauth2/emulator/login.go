package emulator

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// code is one authorization code.
type code struct {
	*grant
	redirect, challenge, nonce string
	madeAt                     time.Time
	used                       bool
}

// codeLife is how long a code can be exchanged.
const codeLife = time.Minute

// authorize is the page on which a person allows or denies (RFC 6749, 4.1.1).
func (x *exchange) authorize() {
	query := x.r.URL.Query()
	decision := query.Get("decision")
	if x.r.Method == http.MethodPost {
		query, _ = url.ParseQuery(string(x.body))
		decision = query.Get("decision")
	}
	c, known := x.set.client(query.Get("client_id"))
	redirect := query.Get("redirect_uri")
	if !known || !registered(c, redirect) {
		page(x.w, http.StatusBadRequest, pageData{Title: "This client or its redirect address is not registered"})
		return
	}
	if x.set.AutoApprove {
		decision = "allow"
	}
	out := url.Values{"state": {query.Get("state")}, "iss": {x.issuer()}}
	switch {
	case query.Get("response_type") != "code" || query.Get("code_challenge_method") != "S256" || query.Get("code_challenge") == "":
		out.Set("error", "invalid_request")
	case decision == "deny":
		out.Set("error", "access_denied")
	case decision != "allow":
		page(x.w, http.StatusOK, pageData{Title: "Allow " + c.ID + "?", Fields: query, Ask: true})
		return
	default:
		text := rand.Text()
		x.locked(func() {
			x.codes[text] = &code{
				grant: &grant{client: c.ID, user: "somebody", scope: query.Get("scope")}, redirect: redirect,
				challenge: query.Get("code_challenge"), nonce: query.Get("nonce"), madeAt: x.at,
			}
		})
		out.Set("code", text)
	}
	separator := "?"
	if strings.Contains(redirect, "?") {
		separator = "&"
	}
	http.Redirect(x.w, x.r, redirect+separator+out.Encode(), http.StatusFound)
}

// issuer is the server's own name.
func (x *exchange) issuer() string {
	scheme := "http"
	if x.r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + x.r.Host
}

// registered compares a redirect address with the registered ones; any port of a
// loopback address matches.
func registered(c Client, redirect string) bool {
	u, err := url.Parse(redirect)
	if err != nil || u.Scheme == "" {
		return false
	}
	if len(c.Redirects) == 0 {
		return true
	}
	u.Host = withoutPort(u)
	return slices.ContainsFunc(c.Redirects, func(text string) bool {
		own, err := url.Parse(text)
		if err != nil {
			return false
		}
		own.Host = withoutPort(own)
		return own.String() == u.String()
	})
}

func withoutPort(u *url.URL) string {
	if host := u.Hostname(); host == "127.0.0.1" || host == "::1" || host == "localhost" {
		return host
	}
	return u.Host
}

// exchanged accepts a code (RFC 6749, 4.1.3; RFC 7636). Using a code twice revokes
// what it granted.
func (x *exchange) exchanged(c Client) {
	var k *code
	good := false
	x.locked(func() {
		k = x.codes[x.param("code")]
		if k == nil || k.client != c.ID {
			return
		}
		if k.used {
			k.revoked = true
			return
		}
		k.used = true
		sum := sha256.Sum256([]byte(x.param("code_verifier")))
		good = x.age(k.madeAt) <= codeLife && k.redirect == x.param("redirect_uri") &&
			k.challenge == base64.RawURLEncoding.EncodeToString(sum[:])
		if good {
			x.counts.Codes++
		}
	})
	if !good {
		x.refuse(http.StatusBadRequest, "invalid_grant")
		return
	}
	x.form.Set("nonce", k.nonce)
	x.issue(k.grant, true)
}

// idToken is an identity token (OpenID Connect).
func (x *exchange) idToken(g *grant, life time.Duration) string {
	claims := map[string]any{
		"iss": x.issuer(), "sub": g.user, "aud": g.client, "iat": x.at.Unix(), "exp": x.at.Add(life).Unix(),
	}
	if nonce := x.form.Get("nonce"); nonce != "" {
		claims["nonce"] = nonce
	}
	if x.fault == "wrong-nonce" {
		claims["nonce"] = "another"
	}
	return x.signer().Sign(nil, claims)
}

// pageData is the content of a page.
type pageData struct {
	Title  string
	Fields url.Values
	Ask    bool
	Typed  bool // a code has to be typed
}

var pageText = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{{.Title}}</title></head><body><h1>{{.Title}}</h1>
{{if or .Ask .Typed}}<form method="post">
{{range $name, $list := .Fields}}{{range $list}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}
{{if .Typed}}<label>Code <input name="user_code" autofocus></label>{{end}}
<button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button>
</form>{{end}}</body></html>
`))

func page(w http.ResponseWriter, status int, data pageData) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = pageText.Execute(w, data)
}
