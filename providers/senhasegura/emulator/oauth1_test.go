package emulator

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// signedHeader was computed by hand from RFC 5849 for GET
// https://vault.example/iso/pam/credential with the keys of the tests.
const (
	signedPath   = "/iso/pam/credential"
	signedStamp  = 1700000000
	signedHeader = `OAuth realm="ignored", oauth_consumer_key="` + testConsumerKey + `", oauth_token="` + testTokenKey +
		`", oauth_signature_method="HMAC-SHA1", oauth_timestamp="1700000000", oauth_nonce="n0nce-0001", oauth_version="1.0", ` +
		`oauth_signature="LAnxewa%2FxvvrZbXODEarFayZR8I%3D"`
)

func signedVault(t testing.TB, change func(*Settings)) *Server {
	t.Helper()
	s, c := newVault(t, change)
	c.now = time.Unix(signedStamp, 0)
	return s
}

func TestVerifiesPublishedSignature(t *testing.T) {
	s := signedVault(t, nil)
	if a := send(t, s, get(signedPath, signedHeader)); a.status != 200 || a.json["credentials"] == nil {
		t.Errorf("%d %s", a.status, a.body)
	}
	if c := s.Counts(); c.OAuth1Accepted != 1 || c.OAuth1Refused != 0 || c.Resources != 1 {
		t.Errorf("counts %+v", c)
	}
}

func TestVerifiesTheExampleOfTheRFC(t *testing.T) {
	s := New(Settings{Applications: []Application{{
		ConsumerKey: "9djdj82h48djs9d2", ConsumerSecret: "j49sn3j29djd", TokenKey: "kkk9d7dh3k39sjv7", TokenSecret: "dh893hdasih9",
	}}}, func() time.Time { return time.Unix(137131201, 0) })
	r := httptest.NewRequest(http.MethodPost, "http://EXAMPLE.com:80/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b", strings.NewReader("c2&a3=2+q"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Authorization", `OAuth realm="Example",oauth_consumer_key="9djdj82h48djs9d2",oauth_token="kkk9d7dh3k39sjv7",`+
		`oauth_signature_method="HMAC-SHA1",oauth_timestamp="137131201",oauth_nonce="7d8f3e4a",oauth_signature="yjS2HcI8pcHZyaDTS9ejdmSBfSQ%3D"`)
	x := &exchange{Server: s, r: r, body: []byte("c2&a3=2+q"), set: s.settings, at: s.now()}
	if _, status, message := x.verify(); status != 0 {
		t.Errorf("refused with %d %s", status, message)
	}
	x.body = []byte("c2&a3=2+r")
	if _, status, _ := x.verify(); status != 401 {
		t.Errorf("a changed body is answered %d, want 401", status)
	}
}

func TestRefusesWrongSignatures(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Settings)
		path   string
		header string
		status int
	}{
		{"other path", nil, "/iso/pam/device", signedHeader, 401},
		{"added query", nil, signedPath + "?a=1", signedHeader, 401},
		{"other signature", nil, signedPath, strings.Replace(signedHeader, "LAnx", "MAnx", 1), 401},
		{"no base64", nil, signedPath, strings.Replace(signedHeader, "LAnx", "~~~~", 1), 401},
		{"other nonce", nil, signedPath, strings.Replace(signedHeader, "0001", "0002", 1), 401},
		{"unknown consumer", nil, signedPath, strings.Replace(signedHeader, `key="0`, `key="1`, 1), 401},
		{"unknown token", nil, signedPath, strings.Replace(signedHeader, `token="f`, `token="e`, 1), 401},
		{"other secret", func(s *Settings) { s.Applications[1].TokenSecret = "x" }, signedPath, signedHeader, 401},
		{"disabled", func(s *Settings) { s.Applications[1].Disabled = true }, signedPath, signedHeader, 401},
		{"expired", func(s *Settings) { s.Applications[1].ExpiresAt = time.Unix(1, 0) }, signedPath, signedHeader, 401},
		{"clock ahead", func(s *Settings) { s.ClockOffset = 301 * time.Second }, signedPath, signedHeader, 401},
		{"clock behind", func(s *Settings) { s.ClockOffset = -301 * time.Second }, signedPath, signedHeader, 401},
		{"narrow window", func(s *Settings) { s.ClockOffset, s.Skew = 3*time.Second, 2*time.Second }, signedPath, signedHeader, 401},
		{"no nonce", nil, signedPath, strings.Replace(signedHeader, `oauth_nonce="n0nce-0001", `, "", 1), 400},
		{"two nonces", nil, signedPath, strings.Replace(signedHeader, "oauth_nonce", `oauth_nonce="x", oauth_nonce`, 1), 400},
		{"empty nonce", nil, signedPath, strings.Replace(signedHeader, "n0nce-0001", "", 1), 400},
		{"no signature", nil, signedPath, signedHeader[:strings.Index(signedHeader, ", oauth_signature=")], 400},
		{"other version", nil, signedPath, strings.Replace(signedHeader, `"1.0"`, `"2.0"`, 1), 400},
		{"other method", nil, signedPath, strings.Replace(signedHeader, "HMAC-SHA1", "HMAC-SHA256", 1), 400},
		{"plaintext", nil, signedPath, strings.Replace(signedHeader, "HMAC-SHA1", "PLAINTEXT", 1), 400},
		{"a secret", nil, signedPath, signedHeader + `, oauth_token_secret="x"`, 400},
		{"unquoted", nil, signedPath, "OAuth oauth_nonce=1", 400},
		{"broken escape", nil, signedPath, `OAuth oauth_nonce="%zz"`, 400},
		{"broken query", nil, signedPath + "?a=%zz", signedHeader, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := signedVault(t, tt.change)
			a := send(t, s, get(tt.path, tt.header))
			if a.status != tt.status {
				t.Errorf("%d %s, want %d", a.status, a.body, tt.status)
			}
			if tt.status == 401 && (a.text("message") != "Invalid signature" || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "OAuth")) {
				t.Errorf("%s %v", a.body, a.header)
			}
			if c := s.Counts(); c.OAuth1Refused != 1 || c.Resources != 0 {
				t.Errorf("counts %+v", c)
			}
		})
	}
}

func TestRemembersNonces(t *testing.T) {
	s := signedVault(t, nil)
	for _, want := range []int{200, 401} {
		if a := send(t, s, get(signedPath, signedHeader)); a.status != want {
			t.Errorf("%d, want %d", a.status, want)
		}
	}
	s.Configure(func(s *Settings) { s.AllowReplay = true })
	if a := send(t, s, get(signedPath, signedHeader)); a.status != 200 {
		t.Errorf("%d with replays allowed", a.status)
	}
}

func TestSignsTheUrlThatCallersKnow(t *testing.T) {
	s := signedVault(t, func(s *Settings) { s.PublicURL = "https://vault.example/" })
	r := httptest.NewRequest(http.MethodGet, "http://10.0.0.9:8080"+signedPath, nil)
	r.Header.Set("Authorization", signedHeader)
	if a := send(t, s, r); a.status != 200 {
		t.Errorf("%d %s", a.status, a.body)
	}
}

func TestOldWaysInTheQuery(t *testing.T) {
	keys := "oauth_consumer_key=" + testConsumerKey + "&oauth_token=" + testTokenKey
	plain := keys + "&oauth_signature_method=PLAINTEXT&oauth_timestamp=1700000000&oauth_nonce=n&oauth_signature=" + testConsumerSecret + "%26" + testTokenSecret
	tests := []struct {
		name, query string
		change      func(*Settings)
		status      int
	}{
		{"plaintext", plain, func(s *Settings) { s.AcceptPlaintext = true }, 200},
		{"plaintext with a wrong secret", plain + "x", func(s *Settings) { s.AcceptPlaintext = true }, 401},
		{"plaintext not accepted", plain, nil, 400},
		{"unsigned", keys, func(s *Settings) { s.AcceptUnsigned = true }, 200},
		{"unsigned with a dash", keys + "&oauth_signature=-", func(s *Settings) { s.AcceptUnsigned = true }, 200},
		{"unsigned with a wrong token", keys + "x", func(s *Settings) { s.AcceptUnsigned = true }, 401},
		{"unsigned not accepted", keys, nil, 400},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if a := send(t, signedVault(t, tt.change), get("/iso/coe/senha/7?"+tt.query, "")); a.status != tt.status {
				t.Errorf("%d %s, want %d", a.status, a.body, tt.status)
			}
		})
	}
}

func TestZeroTimestampIsMalformed(t *testing.T) {
	s := signedVault(t, nil)
	x := &exchange{Server: s, set: s.settings, at: s.now()}
	for _, stamp := range []string{"0", "-1", "x", ""} {
		if status := x.checkFresh(params{{"oauth_timestamp", stamp}, {"oauth_nonce", "n"}}, "who"); status != 400 {
			t.Errorf("timestamp %q gives %d, want 400", stamp, status)
		}
	}
}
