package emulator

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 5849 fixes HMAC-SHA1.
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"sort"
	"strconv"
	"strings"
	"time"
)

// params are decoded parameters, with repetitions.
type params [][2]string

func (p params) get(name string) (value string, times int) {
	for _, pair := range p {
		if pair[0] == name {
			value = pair[1]
			times++
		}
	}
	return value, times
}

// signedCaller verifies a request as in RFC 5849, 3.2, or answers with the
// refusal, whose wording is not documented.
func (x *exchange) signedCaller() (Application, bool) {
	app, status, message := x.verify()
	if status == 0 {
		x.update(func() { x.counts.OAuth1Accepted++ })
		return app, true
	}
	x.update(func() { x.counts.OAuth1Refused++ })
	if status == http.StatusUnauthorized {
		x.w.Header().Set("WWW-Authenticate", `OAuth realm="senhasegura"`)
	}
	x.kong(status, message)
	return Application{}, false
}

// verify returns the application and status 0, or the refusal.
func (x *exchange) verify() (app Application, status int, message string) {
	const invalid = "Invalid signature"
	all, protocol, ok := x.collect()
	if !ok {
		return app, http.StatusBadRequest, "Malformed OAuth parameters"
	}
	if message := x.checkProtocol(protocol); message != "" {
		return app, http.StatusBadRequest, message
	}
	consumer, _ := protocol.get("oauth_consumer_key")
	token, _ := protocol.get("oauth_token")
	app, ok = x.signedApplication(consumer, token)
	if !ok {
		return app, http.StatusUnauthorized, invalid
	}
	signature, times := protocol.get("oauth_signature")
	if x.set.AcceptUnsigned && (times == 0 || signature == "-") {
		return app, 0, ""
	}
	key := percent(app.ConsumerSecret) + "&" + percent(app.TokenSecret)
	if method, _ := protocol.get("oauth_signature_method"); method == "PLAINTEXT" {
		if !hmac.Equal([]byte(signature), []byte(key)) {
			return app, http.StatusUnauthorized, invalid
		}
		return app, 0, ""
	}
	mac := hmac.New(sha1.New, []byte(key))
	mac.Write([]byte(x.baseString(all)))
	given, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(given, mac.Sum(nil)) {
		return app, http.StatusUnauthorized, invalid
	}
	return app, x.checkFresh(protocol, consumer+" "+token), invalid
}

// collect returns every signed parameter, and those of the protocol: from the
// header if there is one, else from the query.
func (x *exchange) collect() (all, protocol params, ok bool) {
	query, ok := pairsOf(x.r.URL.RawQuery)
	if !ok {
		return nil, nil, false
	}
	all = append(all, query...)
	if strings.HasPrefix(x.r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, ok := pairsOf(string(x.body))
		if !ok {
			return nil, nil, false
		}
		all = append(all, form...)
	}
	if list, isHeader := hasScheme(x.r.Header.Get("Authorization"), "OAuth"); isHeader {
		for _, part := range strings.Split(list, ",") {
			name, quoted, found := strings.Cut(strings.TrimSpace(part), "=")
			value, err := url.PathUnescape(strings.Trim(quoted, `"`))
			if !found || err != nil || !strings.HasPrefix(quoted, `"`) || !strings.HasSuffix(quoted, `"`) {
				return nil, nil, false
			}
			if strings.EqualFold(name, "realm") {
				continue
			}
			all = append(all, [2]string{name, value})
		}
	}
	for _, pair := range all {
		if strings.HasPrefix(pair[0], "oauth_") {
			protocol = append(protocol, pair)
		}
	}
	return all, protocol, true
}

// pairsOf parses a query or form: a plus is a space, empty values are kept.
func pairsOf(text string) (params, bool) {
	var out params
	for _, part := range strings.Split(text, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		name, err1 := url.QueryUnescape(name)
		value, err2 := url.QueryUnescape(value)
		if err1 != nil || err2 != nil {
			return nil, false
		}
		out = append(out, [2]string{name, value})
	}
	return out, true
}

// checkProtocol reports missing, repeated and unsupported parameters.
func (x *exchange) checkProtocol(p params) string {
	signature, signatures := p.get("oauth_signature")
	unsigned := x.set.AcceptUnsigned && (signatures == 0 || signature == "-")
	for _, name := range []string{"oauth_consumer_key", "oauth_token", "oauth_signature_method", "oauth_signature", "oauth_timestamp", "oauth_nonce", "oauth_version"} {
		value, times := p.get(name)
		optional := name == "oauth_version" || unsigned && name != "oauth_consumer_key" && name != "oauth_token"
		if times > 1 || times == 0 && !optional || times == 1 && value == "" {
			return "Missing or repeated parameter " + name
		}
	}
	if version, times := p.get("oauth_version"); times == 1 && version != "1.0" {
		return "Unsupported oauth_version"
	}
	method, _ := p.get("oauth_signature_method")
	if method != "HMAC-SHA1" && (method != "PLAINTEXT" || !x.set.AcceptPlaintext) && !unsigned {
		return "Unsupported oauth_signature_method"
	}
	for _, name := range []string{"oauth_consumer_secret", "oauth_token_secret"} {
		if _, times := p.get(name); times > 0 {
			x.update(func() { x.counts.SecretsInQuery++ })
			return "A secret was sent"
		}
	}
	return ""
}

func (x *exchange) signedApplication(consumer, token string) (Application, bool) {
	for _, app := range x.set.Applications {
		if app.ConsumerKey != "" && app.ConsumerKey == consumer && app.TokenKey == token {
			return app, app.inForce(x.serverTime())
		}
	}
	return Application{}, false
}

// checkFresh refuses a timestamp that is too far off, and a pair of timestamp
// and nonce that was used before.
func (x *exchange) checkFresh(p params, who string) (status int) {
	text, _ := p.get("oauth_timestamp")
	nonce, _ := p.get("oauth_nonce")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || seconds <= 0 {
		return http.StatusBadRequest
	}
	if off := x.serverTime().Sub(time.Unix(seconds, 0)).Abs(); off > x.set.skew() {
		return http.StatusUnauthorized
	}
	x.update(func() {
		once := who + " " + text + " " + nonce
		if x.nonces[once] && !x.set.AllowReplay {
			status = http.StatusUnauthorized
		}
		x.nonces[once] = true
	})
	return status
}

// baseString builds the string of RFC 5849, 3.4.1, from the received request.
func (x *exchange) baseString(all params) string {
	var pairs [][2]string
	for _, p := range all {
		if p[0] != "oauth_signature" {
			pairs = append(pairs, [2]string{percent(p[0]), percent(p[1])})
		}
	}
	sort.Slice(pairs, func(i, j int) bool {
		if pairs[i][0] != pairs[j][0] {
			return pairs[i][0] < pairs[j][0]
		}
		return pairs[i][1] < pairs[j][1]
	})
	var list []string
	for _, p := range pairs {
		list = append(list, p[0]+"="+p[1])
	}
	return x.r.Method + "&" + percent(x.baseURI()) + "&" + percent(strings.Join(list, "&"))
}

// baseURI returns the URL as callers know it.
func (x *exchange) baseURI() string {
	path := x.r.URL.EscapedPath()
	if target, _, _ := strings.Cut(x.r.RequestURI, "?"); strings.HasPrefix(target, "/") {
		path = target // as it was sent
	}
	if x.set.PublicURL != "" {
		return strings.TrimSuffix(x.set.PublicURL, "/") + path
	}
	scheme := "http"
	if x.r.TLS != nil || x.r.URL.Scheme == "https" {
		scheme = "https"
	}
	host := strings.ToLower(x.r.Host)
	host = strings.TrimSuffix(host, map[string]string{"http": ":80", "https": ":443"}[scheme])
	if path == "" {
		path = "/"
	}
	return scheme + "://" + host + path
}

// percent encodes as in RFC 5849, 3.6.
func percent(s string) string {
	const plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
	out := ""
	for i := range len(s) {
		if strings.Contains(plain, s[i:i+1]) {
			out += s[i : i+1]
		} else {
			out += fmt.Sprintf("%%%02X", s[i])
		}
	}
	return out
}
