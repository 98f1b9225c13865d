package tss

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

func quote(t testing.TB, text string) string {
	t.Helper()
	data, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

var pattern = regexp.MustCompile(`\A[0-9A-Fa-f]{40}\z`)

// TestDocumentedCode: the only documented error text becomes a code; no other text is
// repeated.
func TestDocumentedCode(t *testing.T) {
	for complaint, code := range map[string]string{
		" Mensagem JSON invalida ":        invalidMessage,
		"MENSAGEM  JSON\tinvalida":        invalidMessage,
		"Mensagem JSON invalida: CANARY":  "",
		"CANARY":                          "",
		" Mensagem JSON inv\ufffdlida ":   "",
		strings.Repeat("CANARY ", 10_000): "",
	} {
		_, f := classify(&exchange.Answer{Status: 200, Body: []byte(`{"TOKEN":"","error":` + quote(t, complaint) + `}`)}, pattern)
		if f == nil || f.Reason != credential.ReasonInvalidRequest || f.Code != code || strings.Contains(f.Message, "CANARY") || len(f.Message) > 300 {
			t.Errorf("%.40q: %+v", complaint, f)
		}
	}
}

// TestTruncatedAnswers: only the answer of a failure can be truncated here.
func TestTruncatedAnswers(t *testing.T) {
	good := []byte(`{"TOKEN":"dcee357e34ba335b7d0264a32796f2ca7f5794dc"}`)
	for status, want := range map[int]credential.Reason{500: credential.ReasonServer, 404: credential.ReasonInvalidRequest, 200: credential.ReasonBadResponse} {
		token, f := classify(&exchange.Answer{Status: status, Body: good, Truncated: true}, pattern)
		if f == nil || f.Reason != want || !token.IsZero() {
			t.Errorf("%d: %+v", status, f)
		}
	}
}

// TestMessagesTellWhatItIs: each kind of useless answer has its own message.
func TestMessagesTellWhatItIs(t *testing.T) {
	for body, words := range map[string]string{
		"<html>CANARY</html>":            "HTML page",
		"":                               "is empty",
		" \x00\r\n":                      "is empty",
		"CANARY":                         "not a JSON object",
		`{"TOKEN":"dcee`:                 "is truncated",
		`{}`:                             "neither TOKEN nor error",
		`{"TOKEN":""}`:                   "empty TOKEN",
		`{"TOKEN":null}`:                 "not a string",
		`{"TOKEN":"x"}`:                  "token_pattern",
		`{"TOKEN":"x","error":"CANARY"}`: "a token and an error",
		`{"TOKEN":"x","token":"y"}`:      "twice",
		`{"errorCode":404,"errorMessage":"CANARY"}`: "RestNewToken",
		`{"code":"401","message":"CANARY"}`:         "Security=0",
	} {
		_, f := classify(&exchange.Answer{Status: 200, Body: []byte(body)}, pattern)
		if f == nil || !strings.Contains(f.Message, words) || strings.Contains(f.Message, "CANARY") {
			t.Errorf("%q: %v, expected the words %q", body, f, words)
		}
	}
}

// FuzzAnswer checks what holds for every answer: a token comes without a fault and is
// well-formed, a fault has a reason and our own message, and a 2xx answer with anything
// like a token keeps the doubt.
func FuzzAnswer(f *testing.F) {
	for _, dir := range []string{"answers", "reading"} {
		files, err := filepath.Glob(filepath.Join("testdata", dir, "*.http"))
		if err != nil || len(files) == 0 {
			f.Fatal("no recorded answers", err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			_, body, _ := strings.Cut(string(data), "\r\n\r\n")
			f.Add(200, []byte(body))
			f.Add(500, []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 100 || status > 999 {
			return
		}
		a := &exchange.Answer{Status: status, Body: body}
		token, fault := classify(a, pattern)
		switch {
		case fault == nil && !pattern.MatchString(token.Reveal()):
			t.Fatalf("the token %q", token.Reveal())
		case fault == nil && !strings.Contains(string(body), token.Reveal()) && !strings.Contains(string(body), `\`):
			t.Fatal("a token that is not in the answer")
		case fault != nil && !token.IsZero():
			t.Fatal("a token together with a fault")
		case fault != nil && (fault.Reason == "" || fault.Message == "" || len(fault.Message) > 400 || fault.Reason == credential.ReasonInternal):
			t.Fatalf("%+v", fault)
		case fault != nil && fault.Code != "" && fault.Code != invalidMessage:
			t.Fatalf("the code %q", fault.Code)
		case fault != nil && fault.Reason == credential.ReasonBadResponse && a.OK() && !fault.Lost:
			t.Fatalf("an answer that cannot be used leaves no doubt: %+v", fault)
		}
		again, same := classify(a, pattern)
		if !again.Equal(token) || !reflect.DeepEqual(same, fault) {
			t.Fatal("not a pure function of the answer")
		}
	})
}
