package arqged

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestFaultsNameTheCure(t *testing.T) {
	for answer, want := range map[string]string{
		"rejected--problem-401":         "username and password",
		"rejected--empty-401":           "the account is not locked",
		"rejected--problem-400":         "single_use_as",
		"rejected--minutes-400":         "token_minutes",
		"rejected--aplicacao-400":       "aplicacao",
		"rejected--problem-404":         "prefix in url",
		"rejected--mensagem-404":        "blocked or deactivated",
		"rejected--mensagem-200":        "in place of a token",
		"bad_response--page-401":        "HTML page",
		"rejected--string-201":          "in place of a token",
		"rejected--other-gateway-401":   "username and password",
		"server--gateway-invalid-key":   "subscription_keys",
		"server--problem-500":           "form of the request",
		"throttled--gateway-rate":       "4 a second",
		"throttled--gateway-quota":      "quota",
		"invalid_request--gateway-404":  "/v1",
		"bad_response--page-403":        "HTML page",
		"bad_response+lost--page-200":   "HTML page",
		"bad_response+lost--token-over": "",
	} {
		_, f := classify(recorded(t, "answers/"+answer), loggingIn)
		if want == "" {
			if f != nil {
				t.Errorf("%s: %v", answer, f)
			}
			continue
		}
		if f == nil || !strings.Contains(f.Message, want) {
			t.Errorf("%s: %v, want %q in it", answer, f, want)
		}
	}
	_, f := classify(recorded(t, "refresh-answers/bad_response--problem-400"), refreshing)
	if f == nil || !f.SeedSpent || !strings.Contains(f.Message, "next attempt logs in") {
		t.Errorf("a refused refresh: %+v", f)
	}
}

// TestTheGatewaysComplaintIsNoWrongPassword tries every status: only the text about
// the key under 401, with the gateway's own member, is a refused key.
func TestTheGatewaysComplaintIsNoWrongPassword(t *testing.T) {
	const complaint = `{"statusCode":401,"message":"Access denied due to invalid subscription key. Make sure"}`
	for _, c := range []struct {
		status    int
		body      string
		truncated bool
		want      bool
	}{
		{401, complaint, false, true},
		{401, strings.ToUpper(complaint), false, true},
		{401, "\xef\xbb\xbf " + complaint, false, true},
		{401, complaint[:80], true, true},
		{401, complaint[:80], false, false},
		{401, complaint[:30], true, false},
		{401, `{"message":"Access denied due to invalid subscription key."}`, false, false},
		{401, `{"statusCode":401,"message":"Unauthorized"}`, false, false},
		{401, `{"statusCode":401,"detail":"subscription key"}`, false, false},
		{401, `"statusCode subscription key"`, false, false},
		{401, ``, false, false},
		{403, complaint, false, false},
		{200, complaint, false, false},
	} {
		a := answerOf(c.status, c.body)
		a.Truncated = c.truncated
		if got := keyRefused(a); got != c.want {
			t.Errorf("%d %s: got %v, want %v", c.status, c.body, got, c.want)
		}
	}
}

// TestARefreshNeverParks tries every status and form: whatever the answer to a
// refresh, a Login can still be tried.
func TestARefreshNeverParks(t *testing.T) {
	bodies := []string{"", `"x"`, `["x"]`, `{"Mensagem":"x"}`, `{"title":"x","errors":{"a":["b"]}}`, "x", "<html></html>", `{"statusCode":401,"message":"x"}`}
	for status := 200; status < 600; status++ {
		for _, body := range bodies {
			_, f := classify(answerOf(status, body), refreshing)
			if f == nil || f.Reason.Parks() {
				t.Errorf("%d %s: %v", status, body, f)
			}
		}
	}
}

// TestARefusedLoginParks tries each form of a refusal under each status it may have.
func TestARefusedLoginParks(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 409, 410, 422, 423} {
		for _, body := range []string{"", `"x"`, `["x"]`, `{"Mensagem":"x"}`, `{"title":"x","status":1}`, "x", `{"error`} {
			_, f := classify(answerOf(status, body), loggingIn)
			if f == nil || f.Reason != credential.ReasonRejected {
				t.Errorf("%d %s: %v", status, body, f)
			}
		}
	}
}

func FuzzAnswer(f *testing.F) {
	for _, folder := range []string{"answers", "refresh-answers"} {
		files, err := filepath.Glob(filepath.Join("testdata", folder, "*.http"))
		if err != nil || len(files) == 0 {
			f.Fatalf("no recorded answers in %s: %v", folder, err)
		}
		for _, file := range files {
			a := recorded(f, strings.TrimSuffix(strings.TrimPrefix(file, "testdata/"), ".http"))
			f.Add(a.Status, a.Header.Get("Content-Type"), a.Header.Get("Date"), a.Header.Get("Retry-After"), a.Body, folder == "answers", false)
		}
	}
	src := &source{backend: &backend{keys: &keyring{}, username: credential.NewSecret(testUser), zones: zonesOf(nil)}, minutes: defaultMinutes}
	f.Fuzz(func(t *testing.T, status int, contentType, date, retry string, body []byte, login, truncated bool) {
		a := answerOf(status, string(body), "Content-Type", contentType, "Date", date, "Retry-After", retry)
		a.Truncated = truncated && !a.OK()
		op := refreshing
		if login {
			op = loggingIn
		}
		before := bytes.Clone(a.Body)
		o, fault := classify(a, op)
		if !bytes.Equal(before, a.Body) {
			t.Error("the body was changed")
		}
		if fault == nil {
			if !a.OK() {
				t.Fatalf("status %d is taken for a success", status)
			}
			var got grant
			if got, fault = src.read(o, a, credential.Request{At: testAt}); fault == nil {
				checkGrant(t, src, got, o, op)
				return
			}
		}
		if !slices.Contains(credential.Reasons[:], fault.Reason) || fault.Message == "" || strings.ContainsAny(fault.Message, "\r\n") || strings.Contains(fault.Message+fault.Code, "CANARY") {
			t.Errorf("fault %+v", fault)
		}
		if !fault.RetryAfter.IsZero() && !fault.RetryAfter.After(a.ReceivedAt) {
			t.Errorf("wait until %v, which has passed", fault.RetryAfter)
		}
		if op == refreshing && fault.Reason.Parks() && !keyRefused(a) {
			t.Errorf("a refresh parks: %+v", fault)
		}
	})
}

func checkGrant(t *testing.T, src *source, got grant, o object, op operation) {
	t.Helper()
	src.keep(&got, o, op, credential.Request{At: testAt}, 0)
	token := got.Values[fieldToken].Reveal()
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r < '!' || r > '~' }) || got.Values[fieldAuthorization].Reveal() != "Bearer "+token {
		t.Errorf("token %q cannot stand in a header", token)
	}
	for name, v := range got.Values {
		if v.IsZero() || strings.ContainsAny(v.Reveal(), "\r\n") {
			t.Errorf("%s is %q", name, v.Reveal())
		}
	}
	if got.UnreadEnd == "" && !got.ExpiresAt.After(testAt) {
		t.Errorf("expires %v, want later than %v", got.ExpiresAt, testAt)
	}
	if got.UnreadEnd != "" && !got.ExpiresAt.IsZero() {
		t.Errorf("expires %v although the answer's end cannot be parsed", got.ExpiresAt)
	}
	if seed, ok := readSeed(got.Credential); ok && !seed.endsAt.IsZero() && !seed.endsAt.After(testAt.Add(-time.Second)) {
		t.Errorf("a refresh token that is over: %v", seed.endsAt)
	}
	for _, limit := range got.Limits {
		if _, err := limit.EndsAt.MarshalText(); err != nil {
			t.Error(err)
		}
	}
}
