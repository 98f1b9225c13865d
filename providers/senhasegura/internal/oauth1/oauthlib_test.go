package oauth1

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The Debian package puts oauthlib where the system's own Python finds it.
const python = "/usr/bin/python3"

type signed struct {
	Method string            `json:"method"`
	URL    string            `json:"url"`
	Body   string            `json:"body"`
	Header string            `json:"header"`
	Keys   map[string]string `json:"keys"`
}

// TestSignVerifiesWithOauthlib verifies the signer with an independent
// implementation.
func TestSignVerifiesWithOauthlib(t *testing.T) {
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import oauthlib").CombinedOutput(); err != nil {
		if os.Getenv("VIGENTE_REQUIRE_TOOLS") == "1" {
			t.Fatalf("python3-oauthlib is needed (apt-get install python3-oauthlib): %v %s", err, out)
		}
		t.Skip("python3-oauthlib is not installed")
	}
	urls := []string{
		"https://vault.example/iso/pam/device",
		"https://vault.example",
		"https://VAULT.example:443/iso/pam/device?",
		"http://vault.example:80/iso",
		"https://vault.example:8443/base%20path/iso/pam/device/42",
		"https://vault.example/a//b/%7Euser/%E7%A7%98;v=1,2/@:!$'()*+",
		"https://vault.example/?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
		"https://vault.example/?a=2&a=1&a=&b&a=10",
		"https://vault.example/?q=caf%C3%A9+com+a%C3%A7%C3%BAcar%21&q=%26%3D%2B%25%7E",
		"https://vault.example/?n%5B%5D=1&n-=2&n=3&N=4&realm=x",
		"https://vault.example/?path=/x/y&t=12:30&mail=a@b,c",
		"https://10.0.0.7/iso/coe/senha?x=%00%7F",
		"https://[2001:db8::1]:8443/iso?x=1#fragment",
	}
	forms := []url.Values{
		nil,
		{"c2": {""}, "a3": {"2 q", "2+q"}},
		{"nome": {"João & filhos = ~*"}, "x y": {"%", "\""}},
	}
	secrets := [][2]string{{"00112233445566778899aabbccddeeff", "ffeeddccbbaa99887766554433221100"}, {"cs&+ /é", "ts=%~"}, {"only one", ""}}

	var lines bytes.Buffer
	var sent []signed
	for _, u := range urls {
		for _, form := range forms {
			for _, s := range secrets {
				sent = append(sent, sign(t, u, form, s))
			}
		}
	}
	// Two that must not verify, to detect a verifier that accepts everything.
	changed := sign(t, urls[0]+"?id=1", nil, secrets[0])
	changed.URL = urls[0] + "?id=2"
	unkeyed := sign(t, urls[0], nil, secrets[0])
	unkeyed.Keys["token_secret"] = "another"
	sent = append(sent, changed, unkeyed)

	for _, s := range sent {
		line, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	verify := exec.CommandContext(t.Context(), python, "testdata/verify.py")
	verify.Stdin = &lines
	out, err := verify.CombinedOutput()
	if err != nil {
		t.Fatalf("run verify.py: %v\n%s", err, out)
	}
	results := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(results) != len(sent) {
		t.Fatalf("%d results for %d requests:\n%s", len(results), len(sent), out)
	}
	for i, result := range results {
		want := "valid"
		if i >= len(sent)-2 {
			want = "invalid"
		}
		if result != want {
			t.Errorf("oauthlib says %q of %s %s with body %q, want %s", result, sent[i].Method, sent[i].URL, sent[i].Body, want)
		}
	}
}

func sign(t testing.TB, address string, form url.Values, secrets [2]string) signed {
	t.Helper()
	method := "GET"
	if form != nil {
		method = "POST"
	}
	header, err := Sign(keysOf("0a1b2c", secrets[0], "f0e1d2", secrets[1]), Request{
		Method: method, URL: address, Form: form, Timestamp: 1700000000, Nonce: "n0nce-0001", Version: "1.0",
	})
	if err != nil {
		t.Fatalf("%s: %v", address, err)
	}
	return signed{method, address, form.Encode(), header.Reveal(), map[string]string{
		"consumer_key": "0a1b2c", "consumer_secret": secrets[0], "token_key": "f0e1d2", "token_secret": secrets[1],
	}}
}
