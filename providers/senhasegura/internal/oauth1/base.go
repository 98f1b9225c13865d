package oauth1

import (
	"cmp"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// baseString builds the string of RFC 5849, 3.4.1.1: method, base URI and
// parameters.
func baseString(r Request, protocol []pair) (string, error) {
	method := strings.ToUpper(r.Method)
	if method == "" || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") != "" {
		return "", errors.New("sign request: the method must be letters only, such as GET")
	}
	base, query, err := splitURL(r.URL)
	if err != nil {
		return "", err
	}
	params, err := parseQuery(query)
	if err != nil {
		return "", err
	}
	for name, values := range r.Form {
		for _, v := range values {
			params = append(params, pair{name, v})
		}
	}
	// RFC 5849, 3.1: a protocol parameter must not appear twice. A server that
	// used the one in the query would verify another signature.
	for _, p := range params {
		if strings.HasPrefix(p.name, "oauth_") {
			return "", errors.New("sign request: the query or form already holds an oauth_ parameter (remove it: they go into the header)")
		}
	}
	return method + "&" + encode(base) + "&" + encode(normalize(append(params, protocol...))), nil
}

// normalize implements RFC 5849, 3.4.1.3.2: names and values are encoded first,
// then sorted by bytes.
func normalize(params []pair) string {
	encoded := make([]pair, len(params))
	for i, p := range params {
		encoded[i] = pair{encode(p.name), encode(p.value)}
	}
	slices.SortFunc(encoded, func(a, b pair) int {
		return cmp.Or(strings.Compare(a.name, b.name), strings.Compare(a.value, b.value))
	})
	var b strings.Builder
	for i, p := range encoded {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

// splitURL returns the base string URI of RFC 5849, 3.4.1.2, and the query. It
// does not use net/url, which may rewrite a path.
func splitURL(raw string) (base, query string, err error) {
	inQuery := false
	for _, c := range []byte(raw) {
		inQuery = inQuery || c == '?'
		// Characters that RFC 3986 does not allow are encoded by some clients and
		// sent raw by others, so the two sides could sign different texts. Letters
		// beyond ASCII in a query are the same parameter in both forms.
		if c <= ' ' || c == 0x7f || c >= 0x80 && !inQuery || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return "", "", errors.New("sign request: the URL holds a character that must be percent-encoded (a host beyond ASCII is written as xn--…)")
		}
	}
	scheme, rest, found := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	if !found || scheme != "https" && scheme != "http" {
		return "", "", errors.New("sign request: the URL must begin with https:// or http://")
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest, query, _ = strings.Cut(rest, "?")
	authority, path := rest, "/"
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	if strings.Contains(authority, "@") {
		return "", "", errors.New("sign request: the URL contains a user name (remove the part before @)")
	}
	host, err := baseHost(scheme, strings.ToLower(authority))
	return scheme + "://" + host + path, query, err
}

// baseHost removes the scheme's default port.
func baseHost(scheme, authority string) (string, error) {
	host, port := authority, ""
	// The colons of an IPv6 address are inside its brackets.
	if i := strings.LastIndexByte(authority, ':'); i > strings.LastIndexByte(authority, ']') {
		host, port = authority[:i], authority[i+1:]
	}
	// Some clients decode a % in a host and some do not, so none is allowed.
	if host == "" || strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-._[]:") != "" || strings.Trim(port, "0123456789") != "" {
		return "", errors.New("sign request: the URL needs a host of letters, digits, dots and dashes (or an IPv6 address in brackets), and a port must be a number")
	}
	if port == "" || scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		return host, nil
	}
	return host + ":" + port, nil
}

// parseQuery implements RFC 5849, 3.4.1.3.1: pairs are decoded as a form, where
// a plus is a space; repeated names and empty values are kept.
func parseQuery(query string) ([]pair, error) {
	var params []pair
	for part := range strings.SplitSeq(query, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		n, errName := url.QueryUnescape(name)
		v, errValue := url.QueryUnescape(value)
		if errName != nil || errValue != nil {
			return nil, errors.New("sign request: the URL's query holds a % that begins no escape (write %25)")
		}
		params = append(params, pair{n, v})
	}
	return params, nil
}
