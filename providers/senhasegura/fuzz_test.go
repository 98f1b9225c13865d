package senhasegura

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// seedAnswers adds every recorded answer of a folder.
func seedAnswers(f *testing.F, folder string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", folder, "*.http"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded answers in %s: %v", folder, err)
	}
	for _, file := range files {
		a := recorded(f, strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".http"))
		f.Add(a.Status, a.Header.Get("Content-Type"), a.Header.Get("Date"), a.Header.Get("X-RateLimit-Reset"), a.Body)
	}
}

// checkFault checks what holds for every fault, whatever a server wrote.
func checkFault(t *testing.T, f *credential.Fault, a *exchange.Answer) {
	t.Helper()
	if !slices.Contains(credential.Reasons[:], f.Reason) || f.Message == "" || strings.ContainsAny(f.Message, "\r\n") {
		t.Errorf("fault %+v", f)
	}
	if strings.Contains(f.Message+f.Code, "CANARY") {
		t.Errorf("the message repeats the body: %q %q", f.Code, f.Message)
	}
	if !f.RetryAfter.IsZero() && !f.RetryAfter.After(a.ReceivedAt) {
		t.Errorf("wait until %v, which has passed", f.RetryAfter)
	}
}

// FuzzTokenAnswer feeds any answer of a token endpoint to the provider.
func FuzzTokenAnswer(f *testing.F) {
	seedAnswers(f, "answers")
	f.Fuzz(func(t *testing.T, status int, contentType, date, reset string, body []byte) {
		a := answerOf(string(body), "Content-Type", contentType, "Date", date, "X-RateLimit-Reset", reset)
		a.Status = status
		before := bytes.Clone(body)
		fault := classifyToken(a)
		if !bytes.Equal(before, a.Body) {
			t.Error("the body was changed")
		}
		if fault != nil {
			checkFault(t, fault, a)
			object := bytes.HasPrefix(bytes.TrimLeft(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")), " \t\r\n"), []byte("{"))
			if fault.Reason == credential.ReasonRejected && !object && (a.HTML() || status != 401 && status != 403) {
				t.Errorf("parked by status %d and a body that is no JSON object: %q", status, body)
			}
			return
		}
		if status < 200 || status > 299 {
			t.Fatalf("status %d is taken for a success", status)
		}
		c, fault := readToken(a, testAt)
		if fault != nil {
			checkFault(t, fault, a)
			if !c.IsZero() {
				t.Error("a credential came with a fault")
			}
			return
		}
		if !json.Valid(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))) {
			t.Errorf("a token was read from %q, which is no JSON", body)
		}
		token := c.Values[fieldAccessToken].Reveal()
		if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r < '!' || r > '~' }) {
			t.Errorf("token %q cannot stand in a header", token)
		}
		if c.Values[fieldAuthorization].Reveal() != "Bearer "+token || c.Values[fieldTokenType].Reveal() != "Bearer" {
			t.Errorf("values of one answer differ")
		}
		if !c.ExpiresAt.IsZero() && (!c.ExpiresAt.After(testAt) || c.ExpiresAt.Sub(testAt).Hours() > 24*366*8000) {
			t.Errorf("expires %v", c.ExpiresAt)
		}
	})
}

// FuzzProbeAnswer feeds any answer to a signed probe to the provider.
func FuzzProbeAnswer(f *testing.F) {
	seedAnswers(f, "probe-answers")
	f.Fuzz(func(t *testing.T, status int, contentType, date, reset string, body []byte) {
		a := answerOf(string(body), "Content-Type", contentType, "Date", date, "X-RateLimit-Reset", reset)
		a.Status = status
		if fault := classifyProbe(a, testAt); fault != nil {
			checkFault(t, fault, a)
		} else if status != 400 && (status < 200 || status > 299) {
			t.Errorf("status %d is taken for a success", status)
		}
	})
}
