package oauth1

import (
	"net/url"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
)

func keysOf(consumer, consumerSecret, token, tokenSecret string) Keys {
	return Keys{
		credential.NewSecret(consumer), credential.NewSecret(consumerSecret),
		credential.NewSecret(token), credential.NewSecret(tokenSecret),
	}
}

// parameter returns one decoded parameter of an Authorization header.
func parameter(t testing.TB, header credential.Secret, name string) string {
	t.Helper()
	list, ok := strings.CutPrefix(header.Reveal(), "OAuth ")
	if !ok {
		t.Fatalf("header does not begin with OAuth")
	}
	for p := range strings.SplitSeq(list, ", ") {
		if value, found := strings.CutPrefix(p, name+"="); found {
			decoded, err := url.PathUnescape(strings.Trim(value, `"`))
			if err != nil {
				t.Fatal(err)
			}
			return decoded
		}
	}
	return ""
}

func TestSignGivesPublishedSignatures(t *testing.T) {
	photos := keysOf("dpf43f3p2l4k3l03", "kd94hf93k423kf44", "nnch734d00sl2jdk", "pfkkdhi9sl3r4s00")
	tests := []struct {
		name string
		keys Keys
		r    Request
		want string
	}{
		{"RFC 5849, 1.2", photos, Request{
			Method: "GET", URL: "http://photos.example.net/photos?file=vacation.jpg&size=original",
			Timestamp: 137131202, Nonce: "chapoH",
		}, "MdpQcU8iPSUjWoN/UDMsK2sui9I="},
		{"OAuth Core 1.0, appendix A", photos, Request{
			Method: "GET", URL: "http://photos.example.net/photos?file=vacation.jpg&size=original",
			Timestamp: 1191242096, Nonce: "kllo9940pd9333jh", Version: "1.0",
		}, "tR3+Ty81lMeYAr/Fid0kMTYa/WM="},
		{"RFC 5849, 3.4.1.1, with secrets of our own", keysOf("9djdj82h48djs9d2", "j49sn3j29djd", "kkk9d7dh3k39sjv7", "dh893hdasih9"), Request{
			Method: "POST", URL: "http://example.com/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b",
			Form:      map[string][]string{"c2": {""}, "a3": {"2 q"}},
			Timestamp: 137131201, Nonce: "7d8f3e4a",
		}, "yjS2HcI8pcHZyaDTS9ejdmSBfSQ="},
		{"keys in the shape of senhasegura", keysOf("000000000a1b2c3d4e5f60718293a4b5c6d7e8f90", "00112233445566778899aabbccddeeff",
			"fffffffff0f1e2d3c4b5a69788796a5b4c3d2e1f0", "ffeeddccbbaa99887766554433221100"), Request{
			Method: "GET", URL: "https://vault.example/iso/pam/credential",
			Timestamp: 1700000000, Nonce: "n0nce-0001", Version: "1.0",
		}, "LAnxewa/xvvrZbXODEarFayZR8I="},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			header, err := Sign(tt.keys, tt.r)
			if err != nil {
				t.Fatal(err)
			}
			if got := parameter(t, header, "oauth_signature"); got != tt.want {
				t.Errorf("signature = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSignWritesTheHeaderOfRFC5849(t *testing.T) {
	header, err := Sign(keysOf("con key", "s1", "tok+key", "s2"), Request{
		Method: "get", URL: "https://vault.example/iso/pam/device", Timestamp: 1700000000, Nonce: "a/b", Version: "1.0",
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `OAuth oauth_consumer_key="con%20key", oauth_token="tok%2Bkey", oauth_signature_method="HMAC-SHA1", ` +
		`oauth_timestamp="1700000000", oauth_nonce="a%2Fb", oauth_version="1.0", oauth_signature="`
	got := header.Reveal()
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, `%3D"`) {
		t.Errorf("header = %s, want it to begin with %s and end in an encoded signature", got, want)
	}
}

func TestSignKeepsSecretsOutOfTheHeader(t *testing.T) {
	header, err := Sign(keysOf("ck", "canary-consumer-secret", "tk", "canary-token-secret"), Request{
		Method: "GET", URL: "https://vault.example/", Timestamp: 1, Nonce: "n", Version: "1.0",
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(header.Reveal(), "canary") || strings.Contains(header.Reveal(), "_secret") {
		t.Errorf("the header holds a secret")
	}
}

func TestSignLeavesOutWhatIsEmpty(t *testing.T) {
	header, err := Sign(keysOf("ck", "cs", "", ""), Request{Method: "GET", URL: "https://vault.example/", Timestamp: 1, Nonce: "n"})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"oauth_token", "oauth_version"} {
		if strings.Contains(header.Reveal(), name+"=") {
			t.Errorf("the header holds an empty %s", name)
		}
	}
	const key = "cs&" // The ampersand stays without a token secret.
	if got, want := digest(keysOf("", "cs", "", ""), "base"), referenceDigest(key, "base"); got != want {
		t.Errorf("digest = %s, want %s", got, want)
	}
}

func TestEncodeFollowsRFC5849(t *testing.T) {
	tests := map[string]string{
		"":                 "",
		"azAZ09-._~":       "azAZ09-._~",
		" ":                "%20",
		"+":                "%2B",
		"%":                "%25",
		"=%3D":             "%3D%253D",
		"&=*!'()/:@$,;#[]": "%26%3D%2A%21%27%28%29%2F%3A%40%24%2C%3B%23%5B%5D",
		"ção":              "%C3%A7%C3%A3o",
		"\x00\xff\n":       "%00%FF%0A",
	}
	for in, want := range tests {
		if got := encode(in); got != want {
			t.Errorf("encode(%q) = %s, want %s", in, got, want)
		}
	}
}

// referenceEncode is independent of encode: net/url's form escaper differs from
// RFC 5849 only in the space.
func referenceEncode(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}
