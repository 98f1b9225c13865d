package oauth1

import (
	"strings"
	"testing"
)

func TestBaseStringOfRFC5849(t *testing.T) {
	got, err := baseString(Request{
		Method: "POST", URL: "http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
		Form: map[string][]string{"c2": {""}, "a3": {"2 q"}},
	}, []pair{
		{"oauth_consumer_key", "9djdj82h48djs9d2"},
		{"oauth_token", "kkk9d7dh3k39sjv7"},
		{"oauth_signature_method", "HMAC-SHA1"},
		{"oauth_timestamp", "137131201"},
		{"oauth_nonce", "7d8f3e4a"},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D" +
		"%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1" +
		"%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7"
	if got != want {
		t.Errorf("base string =\n%s, want\n%s", got, want)
	}
}

func TestBaseURI(t *testing.T) {
	tests := []struct{ name, url, base, query string }{
		{"RFC example, port of http", "http://EXAMPLE.COM:80/r%20v/X?id=123", "http://example.com/r%20v/X", "id=123"},
		{"RFC example, other port", "https://www.example.net:8080/?q=1", "https://www.example.net:8080/", "q=1"},
		{"scheme in capitals", "HTTPS://Vault.Example:443", "https://vault.example/", ""},
		{"443 over http stays", "http://vault.example:443/", "http://vault.example:443/", ""},
		{"80 over https stays", "https://vault.example:80/", "https://vault.example:80/", ""},
		{"empty port", "https://vault.example:/a", "https://vault.example/a", ""},
		{"query without path", "https://vault.example?a=1", "https://vault.example/", "a=1"},
		{"fragment", "https://vault.example/a?b=1#c?d/e", "https://vault.example/a", "b=1"},
		{"fragment before a query", "https://vault.example/a#c?d", "https://vault.example/a", ""},
		{"path as it is", "https://vault.example/A//b/../%7e%c3%A7;x=1/", "https://vault.example/A//b/../%7e%c3%A7;x=1/", ""},
		{"slash in the query", "https://vault.example?a=/b", "https://vault.example/", "a=/b"},
		{"IPv6", "https://[2001:DB8::1]/a", "https://[2001:db8::1]/a", ""},
		{"IPv6 with port", "https://[::1]:8443/a", "https://[::1]:8443/a", ""},
		{"IPv6 with default port", "https://[::1]:443/a", "https://[::1]/a", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			base, query, err := splitURL(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if base != tt.base || query != tt.query {
				t.Errorf("splitURL = %q, %q, want %q, %q", base, query, tt.base, tt.query)
			}
		})
	}
}

// TestQueryBeyondASCII: a letter beyond ASCII in a query is signed as the same
// parameter, however it is written; elsewhere it is refused.
func TestQueryBeyondASCII(t *testing.T) {
	base := func(target string) string {
		t.Helper()
		text, err := baseString(Request{Method: "GET", URL: target}, nil)
		if err != nil {
			t.Fatalf("%s: %v", target, err)
		}
		return text
	}
	raw, encoded := base("https://vault.example/a?nome=João&ç=1"), base("https://vault.example/a?nome=Jo%C3%A3o&%C3%A7=1")
	if raw != encoded {
		t.Errorf("raw it is signed as\n%s, encoded as\n%s", raw, encoded)
	}
	if _, err := baseString(Request{Method: "GET", URL: "https://vault.example/ç"}, nil); err == nil {
		t.Error("a letter beyond ASCII in the path is signed")
	}
}

func TestNormalizeSortsEncodedBytes(t *testing.T) {
	tests := []struct{ query, want string }{
		{"b=2&a=1", "a=1&b=2"},
		{"a=2&a=1&a=", "a=&a=1&a=2"},
		{"a=x!y&a=x+y", "a=x%20y&a=x%21y"},
		{"a", "a="},
		{"a&&=&b", "=&a=&b="},
		{"a=b=c", "a=b%3Dc"},
		{"z=%2B&z=+", "z=%20&z=%2B"},
		{"a%5B%5D=1&a-=2&a=3", "a=3&a%5B%5D=1&a-=2"},
		{"%C3%A7=1&c=%7E", "%C3%A7=1&c=~"},
		{"realm=kept", "realm=kept"},
	}
	for _, tt := range tests {
		params, err := parseQuery(tt.query)
		if err != nil {
			t.Errorf("parseQuery(%q): %v", tt.query, err)
			continue
		}
		if got := normalize(params); got != tt.want {
			t.Errorf("normalize(%q) = %s, want %s", tt.query, got, tt.want)
		}
	}
}

func TestSignRefusesWhatCannotBeSignedForSure(t *testing.T) {
	const good = "https://vault.example/"
	tests := []struct {
		name string
		r    Request
		want string
	}{
		{"no timestamp", Request{Method: "GET", URL: good, Nonce: "n"}, "timestamp"},
		{"timestamp before 1970", Request{Method: "GET", URL: good, Nonce: "n", Timestamp: -1}, "timestamp"},
		{"no nonce", Request{Method: "GET", URL: good, Timestamp: 1}, "nonce"},
		{"no method", Request{URL: good, Timestamp: 1, Nonce: "n"}, "method"},
		{"method with blank", Request{Method: "GET /", URL: good, Timestamp: 1, Nonce: "n"}, "method"},
		{"no scheme", Request{Method: "GET", URL: "vault.example/canary", Timestamp: 1, Nonce: "n"}, "https://"},
		{"other scheme", Request{Method: "GET", URL: "ftp://vault.example/canary", Timestamp: 1, Nonce: "n"}, "https://"},
		{"no host", Request{Method: "GET", URL: "https:///canary", Timestamp: 1, Nonce: "n"}, "host"},
		{"only a port", Request{Method: "GET", URL: "https://:443/canary", Timestamp: 1, Nonce: "n"}, "host"},
		{"escape in the host", Request{Method: "GET", URL: "https://vault%2Ecanary/", Timestamp: 1, Nonce: "n"}, "host"},
		{"escape within the host", Request{Method: "GET", URL: "https://canary%80.example/", Timestamp: 1, Nonce: "n"}, "host"},
		{"port with letters", Request{Method: "GET", URL: "https://vault.example:4x3/canary", Timestamp: 1, Nonce: "n"}, "port"},
		{"user", Request{Method: "GET", URL: "https://canary@vault.example/", Timestamp: 1, Nonce: "n"}, "user name"},
		{"blank", Request{Method: "GET", URL: good + "canary b", Timestamp: 1, Nonce: "n"}, "percent-encoded"},
		{"letter beyond ASCII", Request{Method: "GET", URL: good + "canaryç", Timestamp: 1, Nonce: "n"}, "percent-encoded"},
		{"control character", Request{Method: "GET", URL: good + "canary\r\nX: y", Timestamp: 1, Nonce: "n"}, "percent-encoded"},
		{"brace", Request{Method: "GET", URL: good + "canary{id}", Timestamp: 1, Nonce: "n"}, "percent-encoded"},
		{"broken escape in a name", Request{Method: "GET", URL: good + "?canary%zz=1", Timestamp: 1, Nonce: "n"}, "%25"},
		{"broken escape in a value", Request{Method: "GET", URL: good + "?canary=%2", Timestamp: 1, Nonce: "n"}, "%25"},
		{"protocol parameter in the query", Request{Method: "GET", URL: good + "?oauth_token=canary", Timestamp: 1, Nonce: "n"}, "oauth_"},
		{"protocol parameter in the form", Request{
			Method: "POST", URL: good, Timestamp: 1, Nonce: "n",
			Form: map[string][]string{"oauth_nonce": {"canary"}},
		}, "oauth_"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header, err := Sign(keysOf("ck", "cs", "tk", "ts"), tt.r)
			if err == nil {
				t.Fatalf("Sign = %s, want an error", header.Reveal())
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %q, want it to name %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("error = %q repeats the request", err)
			}
		})
	}
}
